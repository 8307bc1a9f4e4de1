# ruff: noqa: TID253 - the libraries are what is tested here
"""The verdicts on many model types, in processes of their own: one that crashes stops no other."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import resource
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

import torch
import transformers

from architectures.verdict import Verdict
from architectures.verdicts import SECONDS, verdict_of

N_WORKERS = 2
MEMORY = 8 << 30  # bytes, for one worker


def sweep(
    model_types: Iterable[str], tell: Callable[[Verdict], None], n_workers: int = N_WORKERS
) -> list[Verdict]:
    """Build, run and compare each of some model types.

    Args:
        model_types: Those to look at.
        tell: Is given each verdict as soon as there is one.
        n_workers: How many processes share the work.

    Returns:
        The verdicts, by the name of the type.
    """
    queue = iter(list(model_types))
    with ThreadPoolExecutor(n_workers) as pool:
        shares = [pool.submit(share, queue, tell) for _ in range(n_workers)]
        verdicts = [verdict for done in shares for verdict in done.result()]
    return sorted(verdicts, key=lambda verdict: verdict.model_type)


def share(queue: Iterator[str], tell: Callable[[Verdict], None]) -> list[Verdict]:
    """The verdicts of one worker, which is replaced when it dies."""
    verdicts: list[Verdict] = []
    with contextlib.ExitStack() as stack:
        worker: Worker | None = None
        for model_type in queue:
            worker = worker or stack.enter_context(Worker())
            verdict = worker.verdict_of(model_type)
            if verdict is None:
                verdict = Verdict(model_type, "not built", reason="needs more memory or time")
                stack.close()
                worker = None
            tell(verdict)
            verdicts.append(verdict)
    return verdicts


class Worker:
    """A process that gives a verdict on each type it is sent."""

    def __enter__(self) -> Worker:
        spawn = multiprocessing.get_context("spawn")
        self._types, theirs = spawn.Pipe()
        self._process = spawn.Process(target=work, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()

    def verdict_of(self, model_type: str) -> Verdict | None:
        """The verdict; None when the process died of it, or does not answer."""
        try:
            self._types.send(model_type)
            answered = self._types.poll(3 * SECONDS)
            verdict: Verdict | None = self._types.recv() if answered else None
        except (EOFError, ConnectionError):
            return None
        return verdict


def work(types: Connection[Any, Any]) -> None:
    """Give verdicts for ever."""
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    while True:
        model_type = types.recv()
        with contextlib.redirect_stdout(io.StringIO()):
            verdict = verdict_of(model_type)
        types.send(verdict)
