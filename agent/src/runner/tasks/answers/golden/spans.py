"""Writes spans.json: answers that the `transformers` library's port of BERT's SQuAD script chooses, from scarce logits.

Run with transformers 4.57.1. A vocabulary of letters makes every word one token, as in the tests' tokenizer.
"""

import json
import pathlib
import random
import tempfile

from transformers.data.metrics.squad_metrics import compute_predictions_logits
from transformers.data.processors.squad import (
    SquadExample,
    SquadResult,
    squad_convert_example_to_features,
    squad_convert_example_to_features_init,
)
from transformers.models.bert.tokenization_bert import BertTokenizer

MAX_LENGTH, SHARED = 100, 10
VOCABULARY = ["[PAD]", "[CLS]", "[SEP]", *"abcdefgh", "[UNK]", "[MASK]"]


def main():
    random.seed(20)
    folder = pathlib.Path(tempfile.mkdtemp())
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY))
    tokenizer = BertTokenizer(str(folder / "vocab.txt"))
    squad_convert_example_to_features_init(tokenizer)
    cases = []
    for number in range(24):
        n_best, longest = random.choice([(20, 30), (20, 30), (3, 30), (20, 2), (5, 8)])
        question = " ".join(random.choices("abcdefgh", k=random.randint(1, 9)))
        context = " ".join(random.choices("abcdefgh", k=random.randint(60, 260)))
        asked = len(question.split())
        example = SquadExample(str(number), question, context, None, None, "")
        # The processor takes the step from which the shared tokens follow.
        step = MAX_LENGTH - 3 - asked - SHARED
        windows = squad_convert_example_to_features(example, MAX_LENGTH, step, 64, "max_length", False)
        given, results = [], []
        for unique, window in enumerate(windows):
            length = len(window.tokens)
            begins, ends = [0.0] * length, [0.0] * length
            sparse = [[], []]
            for values, kept in zip((begins, ends), sparse):
                for place in random.sample(range(length), 9):
                    values[place] = random.randint(-8, 24) / 8
                    kept.append([place, values[place]])
            window.example_index, window.unique_id = 0, unique
            padding = [-1e4] * (MAX_LENGTH - length)
            results.append(SquadResult(unique, begins + padding, ends + padding))
            given.append({"length": length, "starts": sparse[0], "ends": sparse[1]})
        answers = compute_predictions_logits(
            [example], windows, results, n_best, longest, True,
            str(folder / "answers"), str(folder / "best"), None, False, False, 0.0, tokenizer,
        )  # fmt: skip
        cases.append(
            {"n_best": n_best, "longest": longest, "question": question, "context": context,
             "windows": given, "answer": answers[str(number)]}
        )  # fmt: skip
    text = ",\n".join(json.dumps(case) for case in cases)
    pathlib.Path(__file__).with_name("spans.json").write_text(f"[\n{text}\n]\n")


main()
