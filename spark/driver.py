"""Runs shard tasks of modality-gap on Apache Spark 4: classic clusters, and Spark Connect where a URL begins with sc://.

The first line of stdin is the session, {"master", "conf", "program", "ship", "threads"}; each line after it a pass, {"tasks": [...]}, or
{"cancel": true}. Each line of stdout is an event: started, progress, done with results, failure of data, or failed. The session ends
when stdin ends, so that it does not outlive the process that started it.

Tasks carry places of files and no embeddings. Each is run by the executable modality-gap-worker, which the driver ships; an error that
another attempt may mend is raised and Spark tries again, bad data is returned as a result and ends the pass.
"""

import json
import os
import queue
import re
import signal
import sys
import threading

# also where Python is in its safe mode
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from installation import CONNECT_PACKAGES, PACKAGES, Missing, check_java, check_python, tell

# characters of what Spark says that a message quotes
QUOTED = 2000


def mapper(tasks, program, ship, threads):
    """What Spark runs on the partitions of a range: task i is row i."""

    def missing(path, reason):
        """A failure that ends the job at once: the executable does not run on this machine, and would not on another attempt."""
        import platform

        machine = f"{platform.node()} ({platform.system()}, {platform.machine()})"
        message = f"{path} does not run on the worker {machine}: {reason}; name the executable of that platform (--worker)"
        return json.dumps({"failure": {"code": "MISSING_PACKAGE", "message": message}})

    def run(task):
        import contextlib
        import errno
        import subprocess

        from pyspark import SparkFiles

        path = SparkFiles.get(program) if ship else program
        command = [path, "--threads", str(threads), "--tied", "-"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        try:
            process = subprocess.Popen(command, **pipes)
        except OSError as error:
            if error.errno not in (errno.ENOEXEC, errno.ENOENT, errno.EACCES):
                raise
            return missing(path, error.strerror)
        # what it does not read shows in how it ends
        unread = contextlib.suppress(BrokenPipeError)
        # stdin stays open as long as this process lives, and the task ends with it
        with unread, process:
            with unread:
                process.stdin.write(task.encode() + b"\n")
                process.stdin.flush()
            said = process.stdout.read().decode()
            complaint = process.stderr.read().decode(errors="replace").strip()
        code = process.returncode
        if code == 0 and said.startswith("{"):
            return said
        if code == 0:
            return missing(path, "it printed no receipt")
        if code == 1 and complaint.startswith('{"code"'):
            return json.dumps({"failure": json.loads(complaint)})
        if code in (1, 2):
            return missing(path, f"it is not that of this version ({complaint})")
        raise RuntimeError(f"modality-gap-worker ended with {code}: {complaint}")

    def map_batches(batches):
        import pyarrow

        for batch in batches:
            ids = batch.column(0).to_pylist()
            results = [run(tasks[i]) for i in ids]
            yield pyarrow.RecordBatch.from_pydict({"id": ids, "result": results})

    return map_batches


class Session:
    """A Spark session with the executable on its workers."""

    def __init__(self, master, conf, program, ship, threads):
        self.classic = not master.startswith("sc://")
        check_python(PACKAGES if self.classic else CONNECT_PACKAGES)
        if self.classic:
            check_java()
        here = re.match(r"local|spark://(localhost|127\.)", master) is not None
        # the Python of workers: on this machine that of the driver
        python = sys.executable if here else "python3"
        os.environ.setdefault("PYSPARK_PYTHON", conf.get("spark.pyspark.python", python))
        if here:
            # a cluster on loopback reaches a driver on loopback
            os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.appName("modality-gap")
        builder = builder.master(master) if self.classic else builder.remote(master)
        for key, value in conf.items():
            builder = builder.config(key, value)
        self.spark = builder.getOrCreate()
        if ship:
            self.spark.addArtifacts(program, file=True)
            program = os.path.basename(program)
        self.program, self.ship, self.threads = program, ship, threads
        self.total = 0
        self.done = 0
        if not self.classic:
            self.spark.registerProgressHandler(self.heard)

    def heard(self, stages, inflight_tasks, operation_id, done):
        """Progress of Spark Connect."""
        self.progress(stage.num_completed_tasks for stage in stages)

    def progress(self, completed):
        """Tells how many tasks of the pass have ended, where it has changed."""
        done = min(sum(completed), self.total)
        if done > self.done:
            self.done = done
            tell("progress", done=done)

    def watch(self, ended):
        """Progress of a classic session."""
        tracker = self.spark.sparkContext.statusTracker()
        while not ended.wait(0.5):
            stages = (tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds())
            self.progress(stage.numCompletedTasks for stage in stages if stage)

    def run(self, tasks):
        """Results of the tasks, in their order."""
        self.total, self.done = len(tasks), 0
        frame = self.spark.range(0, self.total, 1, self.total)
        frame = frame.mapInArrow(mapper(tasks, self.program, self.ship, self.threads), "id long, result string")
        ended = threading.Event()
        watcher = threading.Thread(target=self.watch, args=(ended,), daemon=True)
        if self.classic:
            watcher.start()
        try:
            rows = frame.collect()
        finally:
            ended.set()
        return [json.loads(row.result) for row in sorted(rows, key=lambda row: row.id)]

    def cancel(self):
        """Ends what is running."""
        self.spark.interruptAll()
        if self.classic:
            self.spark.sparkContext.cancelAllJobs()


def reason(error):
    """What a failure of Spark comes down to, and its code where another attempt would not help."""
    message = str(error)
    if isinstance(error, Missing):
        return {"code": "MISSING_PACKAGE", "message": message}
    install = "install what is missing on every machine of the cluster, or name another Python (spark.pyspark.python)"
    for pattern in (
        r"No module named '\w+'",
        r"\w+ >= [\w.]+ must be installed; however, .*",
        r'Cannot run program "[^"]*": .*',
        r"\[PYTHON_VERSION_MISMATCH\] .*",
    ):
        if found := re.search(pattern, message):
            return {"code": "MISSING_PACKAGE", "message": f"the Python of the workers: {found[0]}; {install}"}
    # without the stacks of Java and the frames of Python
    lines = (line for line in message.split("Driver stacktrace:")[0].splitlines() if not line.startswith(("\t", " ")))
    return {"message": "\n".join(lines)[:QUOTED]}


def read(lines, asked, cancel):
    """Passes go into the queue, a wish to stop is heeded at once."""
    for line in lines:
        message = json.loads(line)
        if message.get("cancel"):
            cancel()
        else:
            asked.put(message["tasks"])
    asked.put(None)
    cancel()


def main():
    # an interruption reaches the process that started this one, which says what to do
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        session = Session(**json.loads(sys.stdin.readline()))
    except Exception as error:  # whatever kept it from starting
        tell("failed", **reason(error))
        return
    spark = session.spark
    tell("started", version=spark.version)
    asked = queue.Queue()
    reader = threading.Thread(target=read, args=(sys.stdin, asked, session.cancel), daemon=True)
    reader.start()
    while (tasks := asked.get()) is not None:
        try:
            results = session.run(tasks)
        except Exception as error:  # whatever Spark could not do
            tell("failed", **reason(error))
            continue
        failure = next((result["failure"] for result in results if "failure" in result), None)
        if failure is None:
            tell("done", results=results)
        else:
            tell("failure", failure=failure)
    spark.stop()


if __name__ == "__main__":
    main()
