"""How a name is cut into the words that are searched: folded the same way when indexed and when asked.

Coarser than `domain.spelling`, which decides what *is* the same song; here it is enough that a person would find it.
"""

import re
import unicodedata

MAX_WORDS = 12
MAX_WORD_LENGTH = 32

# Letters that no normal form takes apart, written as people type them.
_PLAIN = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h", "ŧ": "t"}
)
# Within a word these are often left out: "don't", "Guns N' Roses", "P!nk" and "Ke$ha" keep theirs as a letter.
_SILENT = str.maketrans("", "", "'’‘`´ʼ")
_WORD = re.compile(r"[^\W_]+")


def fold(text: str) -> str:
    """Return the words of a name, lower case, without diacritics and punctuation, one blank between them.

    `Sigur Rós` is `sigur ros`, `Guns N' Roses` is `guns n roses`; a name of nothing but signs (`!!!`) keeps them.
    """
    bare = text.lower() if text.isascii() else _without_marks(text)
    words = _WORD.findall(bare.translate(_SILENT).replace("&", " and "))
    if not words:
        # Control characters and lone surrogates have no place in a database; category C holds both.
        words = "".join(" " if unicodedata.category(sign)[0] == "C" else sign for sign in bare).split()
    return " ".join(word[:MAX_WORD_LENGTH] for word in words)


def _without_marks(text: str) -> str:
    # Taken apart before and after: some letters have a lower case only once they are plain (a bold capital A).
    lower = unicodedata.normalize("NFKD", text).casefold()
    plain = unicodedata.normalize("NFKD", lower).translate(_PLAIN)
    return unicodedata.normalize("NFC", "".join(letter for letter in plain if not unicodedata.combining(letter)))


def indexed_words(artist: str, title: str) -> list[str]:
    """Return the words under which a track is found, from its folded names.

    The artist's name is also one word, so that `acdc` finds `AC/DC` and `beegees` the `Bee Gees`.
    """
    words = [*artist.split(), *title.split()]
    together = artist.replace(" ", "")
    return [*words, together] if " " in artist and len(together) <= MAX_WORD_LENGTH else words
