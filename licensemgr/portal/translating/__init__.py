"""The portal's texts in other languages: found in the code and the templates, kept in ``locale/``, checked and compiled.

Nothing but Babel and Django is needed for it: no tools of the operating system.
"""
