"""A Slurm cluster of one node, private to a test: its own folder, ports, key and processes.

Nothing outside its folder is written. The clients are found by a folder at the head of PATH, each
a wrapper that names the private configuration: the executor takes ``SLURM_*`` variables away from
jobs, so the variable alone would not reach an ``srun`` inside one.
"""

from __future__ import annotations

import getpass
import os
import platform
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

SERVERS = ("munged", "slurmctld", "slurmd")
CLIENTS = (
    "sbatch",
    "srun",
    "squeue",
    "scancel",
    "scontrol",
    "sinfo",
    "sacct",
    "sacctmgr",
    "sshare",
)
PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))

CONFIGURATION = """
ClusterName=darkroom
SlurmctldHost={host}
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={controller_port}
SlurmdPort={node_port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,bf_interval=2
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
KillWait=2
MinJobAge={min_job_age}
AccountingStorageType=accounting_storage/none
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName=short Nodes={host} Default=YES MaxTime=120 State=UP
"""


def missing():
    """Return the programs of Slurm and munge that are not installed here."""
    wanted = (*SERVERS, "sbatch", "srun", "squeue", "scancel", "scontrol")
    return [name for name in wanted if shutil.which(name, path=PLACES) is None]


def free_port():
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class SlurmNode:
    """One node with made-up cores, and the environment in which its clients are found.

    Parameters
    ----------
    folder : pathlib.Path
        Where all of it lives; of a short name, since sockets lie there.
    cpus, memory : int
        What the node offers: cores, and MB.
    min_job_age : int
        Seconds for which the controller remembers a finished job.
    """

    def __init__(self, folder, cpus=4, memory=8000, min_job_age=300):
        self.folder = folder
        self.processes = []
        for name in ("state", "spool", "bin"):
            (folder / name).mkdir()
        folder.chmod(0o755)
        self.configuration = folder / "slurm.conf"
        self.configuration.write_text(
            CONFIGURATION.format(
                host=platform.node(),
                user=getpass.getuser(),
                controller_port=free_port(),
                node_port=free_port(),
                folder=folder,
                cpus=cpus,
                memory=memory,
                min_job_age=min_job_age,
            )
        )
        for name in CLIENTS:
            program = shutil.which(name, path=PLACES)
            if program is not None:
                wrapper = folder / "bin" / name
                wrapper.write_text(
                    f'#!/bin/sh\nSLURM_CONF={self.configuration} exec {program} "$@"\n'
                )
                wrapper.chmod(0o755)

    def environment(self):
        """Return the environment of somebody on this cluster."""
        return os.environ | {"PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}

    def run(self, *command):
        """Run a client; return what it printed."""
        done = subprocess.run(
            command, env=self.environment(), capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    def _serve(self, *command):
        log = (self.folder / f"{Path(command[0]).name}.out").open("wb")
        environment = os.environ | {"SLURM_CONF": str(self.configuration)}
        self.processes.append(
            subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=self.folder)
        )

    def start(self):
        """Start it; return when the node takes jobs."""
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        programs = {name: shutil.which(name, path=PLACES) for name in SERVERS}
        self._serve(
            programs["munged"],
            "--foreground",
            "--force",
            f"--key-file={key}",
            f"--socket={self.folder}/munge.socket",
            f"--pid-file={self.folder}/munged.pid",
            f"--log-file={self.folder}/munged.log",
            f"--seed-file={self.folder}/munged.seed",
        )
        self._until(lambda: (self.folder / "munge.socket").exists())
        self._serve(programs["slurmctld"], "-D", "-f", str(self.configuration))
        self._serve(programs["slurmd"], "-D", "-f", str(self.configuration))
        self._until(lambda: re.match("idle", self.run("sinfo", "-h", "-o", "%T")))
        return self

    def _until(self, ready):
        for _ in range(300):
            if ready():
                return
            time.sleep(0.1)
        logs = "\n".join(
            f"{path.name}: {path.read_text(errors='replace')[-1500:]}"
            for path in [*self.folder.glob("*.out"), *self.folder.glob("*.log")]
        )
        raise RuntimeError(f"the private Slurm does not start:\n{logs}")

    def jobs(self):
        """Return the ids of jobs that are waiting or at work."""
        return self.run("squeue", "-h", "-o", "%i").split()

    def stop(self):
        """Cancel its jobs and end its processes, the last started first."""
        for job in self.jobs():
            self.run("scancel", "--full", "--signal=KILL", job)
        for _ in range(100):
            if not self.jobs():
                break
            time.sleep(0.1)
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
