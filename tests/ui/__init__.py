"""A package, so that the browser (scope "package") ends with these tests: its loop would stand in others' way."""
