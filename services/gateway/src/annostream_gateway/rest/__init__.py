"""REST over the services' gRPC: routes, JSON, problem details and OpenAPI, all out of the protos.

contract → template → routes → transcode, preconditions, problems, openapi are pure; app serves them by Starlette.
"""
