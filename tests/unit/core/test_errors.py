"""The error tree is what its module says it is."""

import inspect

from calls_core import errors


def _tree(cls: type) -> list[type]:
    return [
        cls,
        *(below for sub in cls.__subclasses__() if sub.__module__.startswith(errors.__name__) for below in _tree(sub)),
    ]


def test_the_drawn_tree_is_complete() -> None:
    """The tree at the top of the module names every error, below its parent."""
    drawn = inspect.getdoc(errors)
    assert drawn is not None
    names = [line.strip(" |`-") for line in drawn.splitlines()]
    assert all(cls.__name__ in names for cls in _tree(errors.CallsError))


def test_codes_are_stable_and_unique() -> None:
    """Clients match on codes: every error has its own, in lower case with dashes."""
    codes = [cls.__dict__["code"] for cls in _tree(errors.CallsError)]
    assert len(codes) == len(set(codes))
    assert all(code == code.lower() and " " not in code and "_" not in code for code in codes)


def test_every_error_has_a_title() -> None:
    """The docstring is what a client reads first, so it is one sentence."""
    titles = [inspect.getdoc(cls) or "" for cls in _tree(errors.CallsError)]
    assert all(title.endswith(".") and "\n" not in title for title in titles)
