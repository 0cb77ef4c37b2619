"""Several devices of one CPU, and jobs of several processes."""

import json
import socket
import subprocess
import sys
import time

from tests.processes import HERE, environment


def split_cpu(count):
    """Splits the CPU into devices on TensorFlow; on JAX a variable of the environment does it."""
    if count > 1 and HERE == "tensorflow":
        import tensorflow as tf

        cpu = tf.config.list_physical_devices("CPU")[0]
        parts = [tf.config.LogicalDeviceConfiguration()] * count
        tf.config.set_logical_device_configuration(cpu, parts)


def free_port():
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return listener.getsockname()[1]


def job_environments(processes):
    """Returns the variables by which each process of a job finds the others, on this backend."""
    port = str(free_port())
    ranks = list(map(str, range(processes)))
    if HERE == "torch":
        shared = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "localhost", "MASTER_PORT": port}
        return [{**shared, "RANK": rank, "LOCAL_RANK": rank} for rank in ranks]
    if processes == 1:
        return [{}]
    if HERE == "tensorflow":
        cluster = {"worker": [f"localhost:{free_port()}" for _ in ranks]}
        tasks = [{"type": "worker", "index": int(rank)} for rank in ranks]
        return [{"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})} for task in tasks]
    address = f"localhost:{port}"
    shared = {"JAX_COORDINATOR_ADDRESS": address, "JAX_NUM_PROCESSES": str(processes)}
    return [{**shared, "JAX_PROCESS_ID": rank} for rank in ranks]


def start_job(*arguments, processes=2, devices=1, **changes):
    """Starts the processes of a job, and returns them."""
    changes |= {"ZOO_TEST_DEVICES": str(devices)}
    if HERE == "jax":
        changes["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={devices}"
    return [
        subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            env=environment(HERE, **changes, **variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for variables in job_environments(processes)
    ]


def finish_job(job, timeout=900):
    """Waits for the processes of a job; returns each one's exit status and output."""
    deadline = time.monotonic() + timeout
    try:
        outputs = [p.communicate(timeout=max(deadline - time.monotonic(), 0.1))[0] for p in job]
    finally:
        for process in job:
            process.kill()
    return [(process.returncode, output) for process, output in zip(job, outputs, strict=True)]
