"""Duplicates among words: what is proposed, what is not, and in what order."""

import random
import time
from collections.abc import Collection, Mapping

import pytest

from folksonomy.duplicates import MOST_COMPARED, Cluster, Word, find_duplicates


def _clusters(words: Collection[str], uses: Mapping[str, int] | None = None) -> list[list[str]]:
    found, complete = find_duplicates([Word(word) for word in words], _uses(uses or {}))
    assert complete
    return [list(cluster.words) for cluster in found]


def _uses(uses: Mapping[str, int]):
    return lambda names: {name: uses.get(name, 1) for name in names}


def _reasons(*words: Word) -> dict[str, str]:
    (cluster,), _ = find_duplicates(words, _uses({words[0].name: 9}))
    return dict(zip(cluster.words, cluster.reasons, strict=True))


@pytest.mark.promise("terms.duplicates")
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["Vision", "vision"], "case"),
        (["NLP", "nlp"], "case"),
        (["Straße", "STRASSE"], "case"),
        (["computer-vision", "computer_vision"], "separators"),
        (["computer vision", "ComputerVision"], "separators"),
        (["train/loss", "train_loss"], "separators"),
        (["time-series", "timeseries"], "separators"),
        (["image", "images"], "plural"),
        (["loss", "losses"], "plural"),
        (["category", "Categories"], "plural"),
        (["benchmark", "bench-marks"], "plural"),
        (["classification", "clasification"], "spelling"),
        (["segmentation", "segmantation"], "spelling"),
        (["tabular", "tabluar"], "spelling"),
        (["colour", "color"], "spelling"),
        (["recommendation", "reccomendation"], "spelling"),
        (["accuracy", "Acuracy"], "spelling"),
        (["vision", "wision"], "spelling"),
        (["resnet18", "resmet18"], "spelling"),
        (["val_accuracy", "val_acuracy"], "spelling"),
    ],
)
def test_words_that_probably_mean_the_same_are_proposed(words: list[str], reason: str) -> None:
    assert _reasons(*map(Word, words)) == {words[0]: "", words[1]: reason}


@pytest.mark.promise("terms.duplicates")
@pytest.mark.parametrize(
    "words",
    [
        ["v1", "v2"],
        ["resnet18", "resnet34", "resnet50"],
        ["resnet18", "resnet-18-v2"],
        ["gpt-3.5", "gpt-35", "gpt-3"],
        ["top-1-accuracy", "top-5-accuracy"],
        ["lr_0.1", "lr_01"],
        ["cat", "car", "bat"],
        ["lstm", "lstms2"],
        ["test", "text", "best"],
        ["f1_micro", "f1_macro"],
        ["accuracy_min", "accuracy_max", "accuracy_std"],
        ["accuracy_mean", "accuracy_median"],
        ["position_x", "position_y"],
        ["autoencoder", "autodecoder"],
        ["train_accuracy", "test_accuracy", "val_accuracy"],
        ["loss", "los"],
        ["c", "c++"],
        ["precision", "recall"],
        ["production", "prediction"],
    ],
)
def test_words_that_differ_on_purpose_are_not_proposed(words: list[str]) -> None:
    assert _clusters(words) == []


@pytest.mark.promise("terms.duplicates")
def test_a_synonym_of_another_word_is_proposed() -> None:
    words = [Word("natural-language", ("nlp", "text mining")), Word("Text-Mining"), Word("audio")]
    assert _reasons(*words) == {"natural-language": "", "Text-Mining": "synonym"}


@pytest.mark.promise("terms.duplicates")
def test_the_most_used_word_is_first_and_default_words_are_before_folk_words() -> None:
    words = [Word("Vision"), Word("vision", preferred=True), Word("images"), Word("image"), Word("visions")]
    found, _ = find_duplicates(words, _uses({"images": 7, "image": 3, "Vision": 2, "vision": 2, "visions": 2}))
    assert found == [
        Cluster(["images", "image"], ["", "plural"], [7, 3]),
        Cluster(["vision", "Vision", "visions"], ["", "case", "plural"], [2, 2, 2]),
    ]


@pytest.mark.promise("terms.duplicates")
def test_words_of_similar_spelling_form_no_chain() -> None:
    words = ["charts", "charms", "harms"]
    uses = {"charms": 9, "charts": 5, "chartss": 1, "harms": 2}
    assert _clusters([*words, "chartss"], uses) == [["charms", "charts", "harms"]]


@pytest.mark.promise("terms.duplicates")
def test_ten_thousand_words_are_compared_within_a_second() -> None:
    chance = random.Random(7)
    parts = [
        *("ba", "ce", "di", "fo", "gu", "tra", "sen", "mod", "el", "ing"),
        *("tion", "al", "er", "met", "ric", "lo"),
    ]
    words = [
        "_".join("".join(chance.choices(parts, k=chance.randint(1, 4))) for _ in range(chance.randint(1, 3)))
        for _ in range(20_000)
    ]
    words = list(dict.fromkeys(words))[:10_000]
    start = time.process_time()
    found, complete = find_duplicates([Word(word) for word in words], _uses({}))
    assert complete
    assert len(found) > 50
    assert time.process_time() - start < 2  # 0.4 s on one core


@pytest.mark.promise("terms.duplicates")
def test_words_that_are_all_alike_cost_no_more() -> None:
    letters = [chr(code) for code in range(0x4E00, 0x4E00 + 1000)]
    start = time.process_time()
    _, complete = find_duplicates([Word(f"model{letter}") for letter in letters], _uses({}))
    assert not complete
    assert len(letters) ** 2 / 2 > MOST_COMPARED
    assert time.process_time() - start < 3  # 0.4 s on one core


@pytest.mark.promise("terms.dismissed")
def test_no_cluster_has_two_words_that_are_apart() -> None:
    words = [Word(name) for name in ("vision", "Vision", "visions", "visoin", "audio", "audios")]

    def clusters(*pairs: str) -> list[list[str]]:
        apart = {frozenset(pair.split()) for pair in pairs}
        found, complete = find_duplicates(words, _uses({"vision": 9, "Vision": 8, "visions": 7, "visoin": 6}), apart)
        assert complete
        return [list(cluster.words) for cluster in found]

    audio = ["audio", "audios"]
    assert clusters() == [["vision", "Vision", "visions", "visoin"], audio]
    assert clusters("visoin vision") == [["vision", "Vision", "visions"], audio]
    assert clusters("vision Vision") == [["vision", "visions", "visoin"], audio]
    assert clusters("vision Vision", "visions vision", "audio audios") == [["Vision", "visions", "visoin"]]
    every = [f"{one} {other}" for one in ("vision", "Vision", "visions", "visoin") for other in ("vision", "Vision")]
    assert clusters(*every, "visions visoin") == [audio]
