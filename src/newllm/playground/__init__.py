"""The process behind a playground page: it holds one trained model, and answers requests in JSON lines."""
