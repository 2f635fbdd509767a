"""Embedded: real MongoDB, Kafka and S3 as child processes, and the supervisor behind `annostream up`.

For trying Annostream and for its tests. The servers cover the death of any process, not the loss of power; MongoDB's
embedded binary is under the SSPL and past its end of life. Production brings its own servers (docs/adr/0001).
"""
