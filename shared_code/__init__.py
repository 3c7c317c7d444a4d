"""What several packages have in common: one file here, a copy of it in each package's `_shared`.

Each package installs alone, so none may import another. `make vendor` copies the modules that a
package imports, byte for byte; change them here and nowhere else.
"""
