"""Something to translate where nothing was given: numbers in words."""

_ONES = (
    *("zero", "one", "two", "three", "four"),
    *("five", "six", "seven", "eight", "nine"),
    *("ten", "eleven", "twelve", "thirteen", "fourteen"),
    *("fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = (
    *("twenty", "thirty", "forty", "fifty", "sixty"),
    *("seventy", "eighty", "ninety"),
)

_FRAMES = (
    "{}",
    "We have {} books.",
    "They have {} birds.",
    "I need {} letters.",
)


def number_words(number: int) -> str:
    """English for 0 to 9,999: "three thousand, four hundred and twenty-one"."""
    if number >= 1000:
        thousands, rest = divmod(number, 1000)
        joint = " and " if 0 < rest < 100 else ", "
        tail = joint + number_words(rest) if rest else ""
        return f"{_ONES[thousands]} thousand{tail}"
    if number >= 100:
        hundreds, rest = divmod(number, 100)
        tail = f" and {number_words(rest)}" if rest else ""
        return f"{_ONES[hundreds]} hundred{tail}"
    if number >= 20:
        tens, rest = divmod(number, 10)
        return _TENS[tens - 2] + (f"-{_ONES[rest]}" if rest else "")
    return _ONES[number]


def sentences(count: int) -> list[str]:
    """The same ones each time, long and short in turn."""
    # 7919 is a prime: the numbers jump about and come back only after 10,000.
    return [
        _FRAMES[i % len(_FRAMES)].format(number_words(i * 7919 % 10_000))
        for i in range(1, count + 1)
    ]
