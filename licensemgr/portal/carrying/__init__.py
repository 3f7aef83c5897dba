"""An organization as a file, and from such a file into another instance of the portal.

`kinds` says which rows are carried, and why the others are not; `writing` makes the file, `reading` takes it in. What the file
looks like stands in docs/operations.md.
"""

FORMAT = "license-manager/organization"
# Raised where a portal that knows the former number could not read the file any more.
VERSION = 1
MANIFEST = "manifest.json"
PEOPLE, CATALOGUE, KEYS = "people.jsonl", "catalogue.jsonl", "signing-keys.jsonl"
