"""``python -m gatewright`` says which version this is."""

from . import __version__

print(f"gatewright {__version__}")
