"""What may be said, as tables: for `central-sync rule words`, and for docs/rules-language.md."""

from collections.abc import Iterator

from central_sync.rule_language.reading import read
from central_sync.rule_language.rule import Rule
from central_sync.rule_language.table import row_of
from central_sync.rule_language.telling import tell
from central_sync.rule_language.vocabulary import Vocabulary
from central_sync.rule_language.words import Word
from edge_core.errors import InvariantViolated

EXAMPLES = (
    (
        "When the order has at least 3 units of liquid goods and the goods go to Hainan and the customer's tier is"
        " black gold, then use cold carriers and pick it first."
    ),
    "When the order has more than 3 lines of fragile goods, then send it in at most 2 parcels.",
    "When the order has no cold goods and the weight is at most 5 kg, then let it be on the way for at most 48 hours.",
    "When the value is more than 500 EUR and the margin is at least 30 %, then count an hour late as 2.50 EUR.",
    "When the customer prefers the greenest, then count a kilogram of CO2e as 0.20 EUR.",
    "When the goods do not go to Hainan or Tibet and the day is Saturday or Sunday, then keep the promise.",
    "When the hour is at least 18 o'clock and the store is offline, then let no line wait.",
    "When the customer wants installation and the promise is less than 24 hours, then pick it first.",
    (
        "When the order was tried at least 2 times, then count a refusal as 3 EUR and count a parcel from a warehouse"
        " as -1 EUR."
    ),
    "When the country is DE, then do not send liquid goods by air and do not send hazardous goods to CH.",
    (
        "For every order, use insured carriers for insured goods and count a day nearer to expiry as 0.05 EUR and look"
        " for expiry within 14 days."
    ),
)
"""One sentence for each thing that can be said, in the usual words."""

Described = tuple[str, str, str, str]
"""A class of words, what one of them stands for, how it is said in English, and in Chinese."""


def words(vocabulary: Vocabulary) -> Iterator[Described]:
    """Every word by its class, as the lexers have them."""
    for kind, each in vocabulary.words.items():
        for word in each:
            yield kind, word.value, " | ".join(word.en), " | ".join(word.zh)


def words_table() -> str:
    """The words as a table of the page: a class in a row; of currencies the ones that are no codes."""
    rows = [f"| `{kind}` | {_cell(kind, each)} |" for kind, each in Vocabulary().words.items()]
    return "\n".join(["| class | words: what it stands for, English, Chinese |", "|---|---|", *rows])


def examples_table() -> str:
    """The examples with the row that each becomes, and how it is said back in Chinese."""
    lines = ["| sentence | row |", "|---|---|"]
    for sentence in EXAMPLES:
        rule = read(sentence, "en", Vocabulary())
        if not isinstance(rule, Rule):
            raise InvariantViolated(f"an example that cannot be read: {rule.said('en')}")
        row = row_of(rule)
        cells = [f"`{name}` is `{cell}`" for name, cell in row.inputs.items()]
        answers = [f"`{name}` `{cell}`" for name, cell in row.outputs.items()]
        said = f"{sentence}<br>{tell(rule, 'zh', Vocabulary())}"
        lines.append(f"| {said} | {', '.join(cells) or 'any order'}: {', '.join(answers)} |")
    return "\n".join(lines)


def _cell(kind: str, words: tuple[Word, ...]) -> str:
    if kind == "CURRENCY":
        return f"{_said(words[0], kind)}; every other active code of ISO 4217 as it is"
    return "; ".join(_said(word, kind) for word in words)


def _said(word: Word, kind: str) -> str:
    """A word with all its ways; what it stands for, where that is not the class itself."""
    ways = " / ".join(", ".join(each) for each in (word.en, word.zh) if each)
    return ways if word.value == kind else f"`{word.value}` {ways}"
