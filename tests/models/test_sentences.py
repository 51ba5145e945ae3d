"""A model of sentence-transformers gives vectors in this process: it runs where torch is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")

from importlib import import_module

from ocinterp.journal import Journal
from ocinterp.models.embeddings import KeptEmbedder, SentenceEmbedder

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghij")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A smallest BERT, with weights by chance."""
    transformers: Any = import_module("transformers")
    torch: Any = import_module("torch")
    place = tmp_path_factory.mktemp("bert")
    (place / "vocab.txt").write_text("\n".join(WORDS))
    transformers.BertTokenizerFast(str(place / "vocab.txt")).save_pretrained(place)
    torch.manual_seed(1)
    config = transformers.BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    transformers.BertModel(config).save_pretrained(place)
    return place


async def test_vectors_of_texts_are_the_models_own_and_asked_for_once(folder: Path, tmp_path: Path) -> None:
    embedder = SentenceEmbedder(str(folder))
    texts = ["a b c", "a b d", "j i h g", ""]
    async with Journal(tmp_path / "j.sqlite") as journal:
        kept = KeptEmbedder(embedder, journal, "st")
        found = await kept.vectors(texts)
        assert found is not None
        assert found.shape == (4, 16)
        assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-3)
        assert np.abs(found - (await embedder.embed(texts)).vectors).max() < 1e-3
        assert found[0] @ found[1] > found[0] @ found[2]
        again = await kept.vectors(texts)
        assert again is not None
        assert np.array_equal(again, found)
        assert journal.report().hits == 4
