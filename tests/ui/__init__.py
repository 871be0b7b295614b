"""A package, so that the browser (scope "package") ends with the tests of pages: its loop would stand in others' way."""
