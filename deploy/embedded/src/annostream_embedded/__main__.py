"""`python -m annostream_embedded` is `annostream-embedded`."""

from annostream_embedded.main import main

main()
