"""The names of the files that the program with the browsers writes."""

READY = "ready"
RECORDS = "browsers.json"
