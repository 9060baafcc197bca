"""What does a simulator say when it is asked for something it cannot do?"""


class Refused(ValueError):
    """A wrong request, told in one line: where, what was expected, what was got.

    Not a bug: the command line prints it without a traceback.
    """

    def __init__(self, where: str, *, expected: str, got: object) -> None:
        super().__init__(f"{where}: expected {expected}, got {got!r}")
