"""What newllm says to people: sentences as data, and the catalogues that put them into the words of a language.

It stands below all that has something to say; `newllm.words` composes larger texts out of findings, verdicts, studies.
"""

from newllm.messages.catalogue import LANGUAGES, Catalogue, catalogue
from newllm.messages.message import Message, message, quoted, read_message

__all__ = ["LANGUAGES", "Catalogue", "Message", "catalogue", "message", "quoted", "read_message"]
