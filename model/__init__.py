"""Recurrent networks that track pronouns: the structure, its cells, and the questions a trained one answers.

    from model import load
    load("en-lstm").cloze("Mary packed because ___ was leaving.")

Read structure.py first, then cells.py. Nothing here imports torch but network.py, which only training uses.
"""

from model.language_model import LanguageModel, load

__all__ = ["LanguageModel", "load"]
