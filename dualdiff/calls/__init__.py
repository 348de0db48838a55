"""What is passed and returned: checks of arguments, trees of results, and the threads that share samples.

It imports ``dual`` and what is below; the compiled and the interpreted ways import it.
"""

from __future__ import annotations
