"""Starts a standalone cluster of Apache Spark on this machine, to try one out: a master and workers that listen on loopback only.

The first line of stdin is {"workers", "cores", "memory"}. Each line of stdout is an event: started with the URL of the master and its
page, or failed. The cluster ends when stdin ends, so that it does not outlive the process that started it.
"""

import json
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque

# also where Python is in its safe mode
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from installation import Missing, check_java, check_python, tell

HOST = "127.0.0.1"
# seconds in which a process of the cluster ends when it is asked to
PATIENCE = 10
# lines of its log that a message about it quotes
QUOTED = 20


class Daemon:
    """A process of the cluster, whose log is read to its end."""

    def __init__(self, kind, arguments, home, folder, ended):
        common = ["--host", HOST, "--port", "0", "--webui-port", "0"]
        command = [os.path.join(home, "bin", "spark-class"), f"org.apache.spark.deploy.{kind}", *common, *arguments]
        env = {
            **os.environ,
            "SPARK_HOME": home,
            # settings of other clusters of this machine are not for this one
            "SPARK_CONF_DIR": folder,
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_LOCAL_DIRS": folder,
            "SPARK_LOCAL_IP": HOST,
        }
        # an interruption is meant for the process that started this one, which then ends the cluster in order
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        self.process = subprocess.Popen(command, cwd=folder, env=env, text=True, start_new_session=True, **pipes)
        self.kind, self.ended = kind, ended
        self.last = deque(maxlen=QUOTED)
        self.found = queue.Queue()
        self.ready = threading.Event()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.last.append(line)
            # nobody looks for the lines of a cluster that stands
            if not self.ready.is_set():
                self.found.put(line)
        self.found.put(None)
        self.ended.put(f"{self.kind} of Spark ended with {self.process.wait()}\n{''.join(self.last)}")

    def until(self, pattern):
        """What the pattern finds in the next line that has it."""
        while (line := self.found.get()) is not None:
            if found := re.search(pattern, line):
                return found
        raise RuntimeError(f"{self.kind} of Spark ended before it was ready\n{''.join(self.last)}")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def run(folder, workers, cores, memory, ended):
    """The cluster, until a process of it has ended by itself, and why."""
    from pyspark.find_spark_home import _find_spark_home

    home = _find_spark_home()
    daemons = []

    def start(kind, *arguments):
        daemons.append(Daemon(kind, arguments, home, folder, ended))
        return daemons[-1]

    try:
        master = start("master.Master")
        url = master.until(r"Starting Spark master at (spark:\S+)")[1]
        page = master.until(r"Bound MasterWebUI to .* started at (http:\S+)")[1]
        started = []
        for number in range(workers):
            place = os.path.join(folder, f"worker-{number}")
            size = ["--cores", str(cores), "--memory", f"{memory}m"]
            started.append(start("worker.Worker", *size, "--work-dir", place, url))
        for worker in started:
            worker.until("Successfully registered with master")
        for daemon in daemons:
            daemon.ready.set()
        tell("started", master=url, page=page)
        return ended.get()
    finally:
        for daemon in reversed(daemons):
            daemon.stop()


def leave(*_):
    """Ends this process in order, which a second signal does not interrupt."""
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    sys.exit(0)


def end_with(lines):
    """Ends this process in order when the lines end."""
    for _ in lines:
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main():
    # an interruption reaches the process that started this one, which says what to do
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, leave)
    options = json.loads(sys.stdin.readline())
    threading.Thread(target=end_with, args=(sys.stdin,), daemon=True).start()
    try:
        check_python()
        check_java()
        with tempfile.TemporaryDirectory(prefix="modality-gap-cluster-", ignore_cleanup_errors=True) as folder:
            reason = run(folder, ended=queue.Queue(), **options)
        tell("failed", message=reason)
    except Missing as missing:
        tell("failed", code="MISSING_PACKAGE", message=str(missing))
    except Exception as error:  # whatever kept it from running
        tell("failed", message=str(error))


if __name__ == "__main__":
    main()
