"""Gateway: the thin edge, REST and the web page over the services' gRPC.

Owns       accounts, sessions, API tokens, invitations, signing keys
Listens    nothing
Answers    /api/v1                   every RPC that names a route in its proto (google.api.http), as JSON or as events
           WatchService              WatchCounts, over REST alone
           IdentityService           SignUp, LogIn, GetSession, CreateApiToken, …, over REST alone
           /.well-known/jwks.json    the public keys of the tokens that the services see
Announces  nothing
"""
