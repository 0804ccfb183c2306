"""From the broker to PostgreSQL: read what arrives, apply it in one transaction for many nodes, then acknowledge.

    inbox --read--> ready --take what waits--> one transaction --COMMIT--> acks

Reading (decompression, hash chain, decoding, folding) is this process's work, committing is the database's, and the two
overlap.
"""
