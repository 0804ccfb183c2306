"""From a sentence to a rule, or to what cannot stand where it stands."""

from typing import Final

from lark import Token
from lark.exceptions import UnexpectedCharacters, UnexpectedToken, VisitError
from lark.parsers.lalr_interactive_parser import InteractiveParser

from central_sync.rule_language.grammar import parser
from central_sync.rule_language.meaning import Meaning
from central_sync.rule_language.misreading import Misreading, Wrong, misread, quoted
from central_sync.rule_language.rule import Rule
from central_sync.rule_language.vocabulary import Vocabulary, plain
from edge_core.limits import RULE_SENTENCE_CHARS_MAX
from edge_core.routing.terms import Lang

_FOUND_CHARS: Final = 12
_OTHERS: Final = {
    "DIGITS": {"en": "a number", "zh": "数字"},
    "REGION_CODE": {"en": "a region such as CN-HI", "zh": "地区代码（如 CN-HI）"},
    "COUNTRY_CODE": {"en": "a country such as CN", "zh": "国家代码（如 CN）"},
    "DIGIT": {"en": "", "zh": "一至九"},
    "$END": {"en": "the end", "zh": "句末"},
}


def read(sentence: str, lang: Lang, vocabulary: Vocabulary) -> Rule | Misreading:
    """The rule that a sentence says, or its first mistake."""
    if len(sentence) > RULE_SENTENCE_CHARS_MAX:
        has, limit = f"{len(sentence)}", f"{RULE_SENTENCE_CHARS_MAX}"
        return misread(lang, RULE_SENTENCE_CHARS_MAX + 1, "long", has=has, limit=limit)
    parsing = parser(lang, vocabulary).parse_interactive(plain(sentence))
    try:
        parsing.exhaust_lexer()
        tree = parsing.feed_token(Token("$END", ""))
        rule: Rule = Meaning(vocabulary).transform(tree)
    except UnexpectedCharacters as error:
        return _unexpected(error.pos_in_stream, parsing, sentence, lang, vocabulary)
    except UnexpectedToken as error:
        return _unexpected(error.token.start_pos, parsing, sentence, lang, vocabulary)
    except VisitError as error:
        if isinstance(error.orig_exc, Wrong):
            wrong = error.orig_exc
            found = sentence[wrong.column - 1 : wrong.column - 1 + len(wrong.found)]
            return misread(lang, wrong.column, wrong.key, (), found=quoted(found, lang), **wrong.fields)
        raise
    return rule


def lang_of(sentence: str) -> Lang:
    """Which language a sentence is in: Chinese where it has a Chinese character."""
    return "zh" if any("\u4e00" <= char <= "\u9fff" for char in sentence) else "en"


def _unexpected(
    at: int | None, parsing: InteractiveParser, sentence: str, lang: Lang, vocabulary: Vocabulary
) -> Misreading:
    """Where reading stopped (None: at the end), and every word with which it would have gone on."""
    allowed = _words(parsing, lang, vocabulary)
    if at is None or at >= len(sentence):
        return misread(lang, len(sentence) + 1, "ended", allowed)
    word = sentence[at:].split(maxsplit=1)[0]
    found = word if len(word) <= _FOUND_CHARS else f"{word[:_FOUND_CHARS]}…"
    return misread(lang, at + 1, "unexpected", allowed, found=quoted(found, lang))


def _words(parsing: InteractiveParser, lang: Lang, vocabulary: Vocabulary) -> tuple[str, ...]:
    """What may stand there: the usual words of each class, in the order of the table; numbers and codes in words."""
    accepted: set[str] = parsing.accepts()  # type: ignore[no-untyped-call] # Lark gives it no types
    kinds = [kind for kind in vocabulary.words if kind in accepted and kind not in _OTHERS]
    usual = [vocabulary.usual(kind, lang) for kind in kinds]
    return (*(_OTHERS[name][lang] for name in _OTHERS if name in accepted), *(way for ways in usual for way in ways))
