"""The torch backend: the only folder that imports torch, loaded when the program does."""
