"""Gateway: the thin edge, REST and the web page over the services' gRPC.

Owns       nothing of its own yet
Listens    nothing
Answers    /api/v1                   every RPC that names a route in its proto (google.api.http), as JSON or as events
           WatchService              WatchCounts, over REST alone
Announces  nothing
"""
