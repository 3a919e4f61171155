"""What Spark needs on the machine that starts it, and events for the process that started this one."""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys

PACKAGES = "'pyspark==4.*' pyarrow pandas"
CONNECT_PACKAGES = "'pyspark[connect]==4.*'"


class Missing(Exception):
    """Something that has to be installed first."""


def tell(event, **fields):
    """One event for the process that started this one."""
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


def check_python(packages=PACKAGES):
    """Raises Missing where this Python lacks a package."""
    install = f"install it: {sys.executable} -m pip install {packages}; or name another Python (--spark-python)"
    for name in ("pyspark", "pyarrow", "pandas"):
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            raise Missing(f"{sys.executable} cannot import {name} ({error}); {install}") from error
        if name == "pyspark" and not module.__version__.startswith("4."):
            raise Missing(f"{sys.executable} has pyspark {module.__version__} and needs 4; {install}")


def check_java():
    """Raises Missing where there is no Java that Spark runs on."""
    home = os.environ.get("JAVA_HOME")
    java = os.path.join(home, "bin", "java") if home else "java"
    advice = "Spark 4 runs on Java 17 or newer; install it and let JAVA_HOME name its folder"
    if shutil.which(java) is None:
        where = f"JAVA_HOME is {home}, and there is no bin/java in it" if home else "there is no java in PATH"
        raise Missing(f"{where}; {advice}")
    said = subprocess.run([java, "-version"], capture_output=True, text=True).stderr
    # 1.8 is Java 8
    found = re.search(r'version "(?:1\.)?(\d+)', said)
    if found is None or int(found[1]) < 17:
        raise Missing(f"{java} is {said.strip().splitlines()[0] if said.strip() else 'not a Java'}; {advice}")
