"""Identity: who may come in, and as whom the services hear them.

Owns       accounts, sessions, API tokens, invitations, password resets, signing keys
Listens    nothing
Answers    IdentityService           SignUp, LogIn, GetSession, CreateApiToken, … (HTTP, within the gateway)
           /.well-known/jwks.json    the public keys
Announces  nothing
"""
