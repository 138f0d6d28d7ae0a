"""Documents in Redis with everything that a press needs, so that people can press while the database is away.

There is a document for each store, each person and each device, and each document has a version. Each worker process
remembers the documents that it has used. `press.lua` compares the versions of these documents with the versions in
Redis. So the next press in any worker process sees a changed role, device or store, and a press needs no request to the
database.

- documents: builds documents from the rows of the database, and parses them.
- redis_documents: reads and writes the documents in Redis, with the script documents.lua.
- lookup: finds the store, the person or the device of a press. It remembers documents.
- changes: keeps the documents right when rows change.
"""
