"""The languages of a page, English and Japanese."""

from newllm.report.language.language import Words, language

__all__ = ["Words", "language"]
