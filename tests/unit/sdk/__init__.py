"""The client and the annostream command, without servers or against an in-process one."""
