"""The tests; helpers without `test_` in their name are shared."""
