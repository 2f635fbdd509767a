"""A service that only says that it is healthy, and has a child of its own: what the supervisor must be able to run."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from signal import SIGTERM, signal
from types import FrameType

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc


def main() -> None:
    grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    print("grandchild", grandchild.pid, flush=True)
    server = grpc.server(ThreadPoolExecutor(2))
    servicer = health.HealthServicer()
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    server.add_insecure_port(os.environ["ANNOSTREAM_GRPC_LISTEN"])
    server.start()

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.stop(grace=1)

    signal(SIGTERM, stop)
    server.wait_for_termination()


main()
