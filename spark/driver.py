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
import signal
import sys
import threading


def tell(event, **fields):
    """One event for the process that started this one."""
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


def mapper(tasks, program, ship, threads):
    """What Spark runs on the partitions of a range: task i is row i."""

    def run(task):
        import subprocess

        from pyspark import SparkFiles

        path = SparkFiles.get(program) if ship else program
        command = [path, "--threads", str(threads), "--tied", "-"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, **pipes) as process:
            # stdin stays open as long as this process lives, and the task ends with it
            process.stdin.write(task.encode() + b"\n")
            process.stdin.flush()
            said = process.stdout.read()
            complaint = process.stderr.read()
            process.stdin.close()
            code = process.wait()
        if code == 0:
            return said.decode()
        if code == 1:
            return json.dumps({"failure": json.loads(complaint)})
        raise RuntimeError(f"modality-gap-worker ended with {code}: {complaint.decode(errors='replace')}")

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
        from pyspark.sql import SparkSession

        self.classic = not master.startswith("sc://")
        # the Python of workers: on this machine that of the driver
        here = sys.executable if master.startswith("local") else "python3"
        os.environ.setdefault("PYSPARK_PYTHON", conf.get("spark.pyspark.python", here))
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
    session = Session(**json.loads(sys.stdin.readline()))
    spark = session.spark
    tell("started", version=spark.version)
    asked = queue.Queue()
    reader = threading.Thread(target=read, args=(sys.stdin, asked, session.cancel), daemon=True)
    reader.start()
    while (tasks := asked.get()) is not None:
        try:
            results = session.run(tasks)
        except Exception as error:  # whatever Spark could not do
            tell("failed", message=str(error))
            continue
        failure = next((result["failure"] for result in results if "failure" in result), None)
        if failure is None:
            tell("done", results=results)
        else:
            tell("failure", failure=failure)
    spark.stop()


if __name__ == "__main__":
    main()
