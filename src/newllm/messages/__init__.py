"""What newllm says to people: message catalogues by language, and what composes sentences out of findings' data."""

from newllm.messages.catalogue import LANGUAGES, Catalogue, catalogue, english

__all__ = ["LANGUAGES", "Catalogue", "catalogue", "english"]
