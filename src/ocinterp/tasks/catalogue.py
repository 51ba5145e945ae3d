"""The published datasets: their names and versions, the hashes of their texts, and where they are to be had.

A name may be followed by @ and a version; without one it means the newest. Where the authors count no versions, the
year of publication stands for one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from ocinterp.errors import UsageError


@dataclass(frozen=True, slots=True)
class Text:
    """The hashes of a text, uncompressed: md5 is what EvalPlus names datasets by, sha256 what cannot be forged."""

    md5: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset under a name and a version.

    `texts` are the texts it is known by, the published one first; another holds the same rows, written differently.
    `address` is empty for a dataset that was not published: its text is then whatever somebody imported.
    """

    name: str
    version: str
    form: str  # of formats.READERS
    tasks: int
    tests: int  # as formats.count_tests counts
    texts: tuple[Text, ...]
    address: str = ""

    @property
    def full_name(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def known(self) -> bool:
        return bool(self.address)


_EVALPLUS = "https://github.com/evalplus/{}_release/releases/download/v{}/{}.jsonl.gz"
_GOOGLE = "https://github.com/google-research/google-research/raw/HEAD/mbpp/"
_OCTOPACK = "https://github.com/bigcode-project/octopack/raw/HEAD/evaluation/"
_PACK = "create/humaneval-x/data/python/data/humanevalpack.jsonl"
_PACK_TEXT = Text(
    "efd66303e21f286d2983ed683eefd1bb", "b1376d72be4bd016a62ad043d9de3846edb8d63edf1222da802a31330c14c3a7"
)

# Of one name the newest stands last. The hashes of EvalPlus's are those in published eval_results, that of HumanEval is
# the one in openai/human-eval, those of MBPP were measured by many at google-research f82046ba.
PUBLISHED: Final = (
    Dataset("humaneval", "2021", "humaneval", 164, 1181, (Text(
        "88771747746422b8669027625578460c", "1d49078ba3e2b196b9344535bef34a43021f038fad9561d6ee7c53450609a6a2"
    ),), "https://github.com/openai/human-eval/raw/HEAD/data/HumanEval.jsonl.gz"),
    Dataset("humaneval+", "0.1.9", "evalplus", 164, 125_309, (Text(
        "84f4b93a1270b492e4c54d5212da7a5b", "50d50fda1ecf4c9168d762456ae29c1d8b8b922e68c66964f7891c98d93a04b7"
    ),), _EVALPLUS.format("humanevalplus", "0.1.9", "HumanEvalPlus")),
    Dataset("humaneval+", "0.1.10", "evalplus", 164, 124_253, (Text(
        "fe585eb4df8c88d844eeb463ea4d0302", "42526ec0e7d5f3ee0b06d6ced98f8c8bae3d76519151bfb3d36f79010645bd7f"
    ),), _EVALPLUS.format("humanevalplus", "0.1.10", "HumanEvalPlus")),
    Dataset("mbpp", "2021", "mbpp", 974, 2922, (Text(
        "f50124cdd150eac633c8e26828e0b3c1", "ccf64ceae9c5403bf50a044cb6d505bfd2a2963ee58338ba268fd65beab92a9f"
    ),), _GOOGLE + "mbpp.jsonl"),
    Dataset("mbpp-sanitized", "2021", "mbpp", 427, 1324, (Text(
        "7db38e432e660b7f832d859bcc87ec4d", "ca95deaa9a01ef0a6f439f88bcf0dd3db3563d22f22aad6cae04ebb9a8d8c8e9"
    ), Text(  # with line breaks and indentation, as mrigankpawagi/PropertyEval has it
        "1d1880e13881072b7317dd88d2ad578f", "8ac32b2799150228e2d745aed09c870b7e4444246d4727d1004576207ef40769"
    )), _GOOGLE + "sanitized-mbpp.json"),
    Dataset("mbpp+", "0.1.0", "evalplus", 399, 43_318, (Text(
        "ebe95df0d5220f00cedd6f4bddea35e4", "a855b9de667baea8e2f8aa61f898767a7336872208a85222b35622545e819fe9"
    ),), _EVALPLUS.format("mbppplus", "0.1.0", "MbppPlus")),
    Dataset("mbpp+", "0.2.0", "evalplus", 378, 41_015, (Text(
        "ee43ecabebf20deef4bb776a405ac5b1", "b54e762755248ca411b523c917fa9f93c07b5ff2966bf60b3917b853926a3dad"
    ),), _EVALPLUS.format("mbppplus", "0.2.0", "MbppPlus")),
    Dataset("humanevalfix", "2023", "humanevalfix", 164, 1189, (_PACK_TEXT,), _OCTOPACK + _PACK),
    Dataset("humanevalpack-python", "2023", "humaneval", 164, 1189, (_PACK_TEXT,), _OCTOPACK + _PACK),
    Dataset("quixbugs", "2023", "quixbugs", 40, 279, (Text(
        "1cc8218695353fc6cd57b1047b91171f", "7322b63b31c2e20c7e05b97ef05e674e30eed5601df5cce7545a1a77031bf4d3"
    ),), _OCTOPACK + "other/QuixBugs/quixbugs_python.jsonl"),
    Dataset("bigcodebench", "2024", "bigcodebench", 1140, 6428, (Text(
        "3522577434616e01948f44671882468e", "33baf4f414eb34507f1a8fd55ef9bcd79c1f9b4c3e8e2544f023edac1b20afec"
    ),), "https://github.com/bigcode-project/bigcodebench-annotation/raw/HEAD/hf_data/BigCodeBench.jsonl.gz"),
    Dataset("bigcodebench-hard", "2024", "bigcodebench", 148, 854, (Text(  # published as parquet; this is Qwen's copy
        "274ba3a4c1dfa02615b94f7ee1656d38", "5e7a87ff1085eafb13b2d570277bcb53dba68201717b4fc987a3f2b86a23869c"
    ),), "https://github.com/QwenLM/Qwen2.5-Coder/raw/d5ead97fea36/"
         "qwencoder-eval/base/benchmarks/bigcodebench/data/bigcodebench_hard.json"),
)  # fmt: skip

# Made here, so that there is nothing to import. The hash is of the text that `tasks.pocket.benchmark` makes.
BUILT_IN: Final = (
    Dataset("pocket", "1", "pocket", 1200, 19_094, (Text(
        "b02b1805880ed8158743f9c50ada2170", "3af773b27bb6e3fdb321306191aea322d2dd98e316d0dfb29ab7e596f36ec1d6"
    ),), "built in"),
)  # fmt: skip

# Texts that are known, and not taken; and why.
REFUSED: Final = {
    "b68066a1f3541958907e7217c1554fed": "HumanEvalPack in JavaScript: its tests are JavaScript, and only Python is judged",
    "69dd69dc376f5b8e3c0867a644c26525": "LDB's HumanEval with its visible tests: import HumanEval itself",
    "6f3d2c02d4e4d08cd52d32ce05311fa3": "LDB's MBPP with its visible tests: import MBPP itself",
}

_ALIASES = {
    "humanevalplus": "humaneval+",
    "humaneval-plus": "humaneval+",
    "humanevalpack": "humanevalpack-python",
    "mbppplus": "mbpp+",
    "mbpp-plus": "mbpp+",
    "sanitized-mbpp": "mbpp-sanitized",
}
_NAME = re.compile(r"[a-z0-9][a-z0-9.+-]*")


def split(name: str) -> tuple[str, str]:
    """A name as it is written here, and the version it asks for, which may be empty. UsageError for no name at all."""
    plain, _, version = name.strip().lower().replace("_", "-").partition("@")
    if not _NAME.fullmatch(plain):
        raise UsageError(f"a dataset's name is made of letters, digits and .+-, not {name!r}")
    return _ALIASES.get(plain, plain), version.removeprefix("v")


def find(name: str) -> Dataset | None:
    """The published or built-in dataset of a name, None where there is none. UsageError where it has no such version."""
    plain, version = split(name)
    versions = {each.version: each for each in (*PUBLISHED, *BUILT_IN) if each.name == plain}
    if not versions:
        return None
    if version and version not in versions:
        raise UsageError(f"{plain} has no version {version!r}: there is {', '.join(versions)}")
    return versions[version] if version else list(versions.values())[-1]


def having(md5: str) -> tuple[Dataset, ...]:
    """The published datasets that are known by a text; HumanEvalPack's is two."""
    return tuple(each for each in PUBLISHED if any(text.md5 == md5 for text in each.texts))


def unknown(name: str, others: tuple[str, ...] = ()) -> UsageError:
    """The error for a name that nobody knows: what is near, and what there is beside `others`."""
    names = list(dict.fromkeys([*(each.name for each in (*PUBLISHED, *BUILT_IN)), *others]))
    near = get_close_matches(split(name)[0], names, n=3, cutoff=0.5)
    meant = f"do you mean {' or '.join(near)}? " if near else ""
    return UsageError(f"there is no dataset {name!r}: {meant}there are {', '.join(names)}")
