"""Requests and answers in the formats of OpenAI's API: completions, chats, responses, models."""
