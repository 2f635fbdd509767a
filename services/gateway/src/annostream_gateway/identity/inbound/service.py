"""IdentityService: wire in, use case, wire out. No decisions here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from annostream.gateway.v1 import account_pb2
from annostream.gateway.v1 import identity_service_pb2 as api
from annostream_gateway.identity.domain import session as sessions
from annostream_gateway.identity.domain.access import access
from annostream_gateway.identity.domain.account import Account
from annostream_gateway.identity.inbound.cookies import Cookies
from annostream_gateway.identity.inbound.gate import By, Call, Context, client_of, needs, needs_of
from annostream_gateway.identity.messages import (
    access_to_wire,
    account_to_wire,
    api_token_to_wire,
    invitation_to_wire,
    role_from_wire,
    role_to_wire,
    session_to_wire,
    time_to_wire,
)
from annostream_gateway.identity.ports import World
from annostream_gateway.identity.use_cases.credentials import Credentials
from annostream_gateway.identity.use_cases.entering import Entered, Entering, SignUpForm
from annostream_gateway.identity.use_cases.own_credentials import OwnCredentials
from annostream_gateway.identity.use_cases.people import People
from annostream_kit.auth import Role
from annostream_kit.errors import NotFound
from annostream_kit.ids import parse_name
from annostream_kit.paging import decode_time_token, decode_token, encode_time_token, encode_token, page_size

_EVERYBODY = Role.VIEWER
_SELF = "apiTokens/self"
OPEN = frozenset({"GetSignUpPolicy", "SignUp", "LogIn", "ResetPassword", "ExchangeApiToken"})


class IdentityService:
    """Served within the gateway: each RPC is `async (request, context) -> response`."""

    OPEN = OPEN
    ROLES: ClassVar[Mapping[str, Role]]

    def __init__(
        self,
        *,
        entering: Entering,
        people: People,
        own: OwnCredentials,
        credentials: Credentials,
        world: World,
        cookies: Cookies,
        grpc_addresses: Mapping[str, str],
    ) -> None:
        self._entering = entering
        self._people = people
        self._own = own
        self._credentials = credentials
        self._policy = world.policy
        self._cookies = cookies
        self._grpc_addresses = dict(grpc_addresses)

    async def GetSignUpPolicy(
        self, request: api.GetSignUpPolicyRequest, context: Context
    ) -> api.GetSignUpPolicyResponse:
        del request
        return api.GetSignUpPolicyResponse(
            access=access_to_wire(access(self._policy.sign_up, client_of(context))),
            first_account=await self._entering.is_first(),
            min_password_characters=self._policy.min_password_characters,
        )

    async def SignUp(self, request: api.SignUpRequest, context: Context) -> api.SignUpResponse:
        self._cookies.check_origin(context.header)
        form = SignUpForm(request.login, request.password, request.display_name, request.invitation)
        entered = await self._entering.sign_up(form, client_of(context))
        self._let_in(entered, context)
        return api.SignUpResponse(account=account_to_wire(entered.account), session=self._current(entered.session))

    async def LogIn(self, request: api.LogInRequest, context: Context) -> api.LogInResponse:
        self._cookies.check_origin(context.header)
        entered = await self._entering.log_in(request.login, request.password, client_of(context))
        self._let_in(entered, context)
        return api.LogInResponse(account=account_to_wire(entered.account), session=self._current(entered.session))

    @needs(_EVERYBODY, By.SESSION)
    async def LogOut(self, request: api.LogOutRequest, call: Call) -> api.LogOutResponse:
        del request
        ended = call.known
        if ended.session:
            await self._entering.log_out(ended.session)
        self._credentials.forget(ended.id)
        self._cookies.take_back(call.context.set_cookie, call.client.host)
        return api.LogOutResponse()

    @needs(_EVERYBODY)
    async def GetSession(self, request: api.GetSessionRequest, call: Call) -> api.GetSessionResponse:
        del request
        known, account = call.caller.known, await self._account(call)
        session = self._current(known.session) if known and known.session else None
        role = role_to_wire(call.caller.role)
        return api.GetSessionResponse(account=account_to_wire(account), session=session, role=role)

    @needs(_EVERYBODY, By.SESSION)
    async def ChangePassword(self, request: api.ChangePasswordRequest, call: Call) -> api.ChangePasswordResponse:
        account, kept = call.known.account, call.known.session
        assert kept is not None  # noqa: S101  # By.SESSION
        current, new = request.current_password, request.new_password
        await self._entering.change_password(account.id, kept, current, new, call.client)
        self._credentials.forget_account(account.id)
        return api.ChangePasswordResponse()

    @needs(_EVERYBODY, By.SESSION)
    async def ChangeDisplayName(
        self, request: api.ChangeDisplayNameRequest, call: Call
    ) -> api.ChangeDisplayNameResponse:
        account = await self._people.rename(call.known.account.id, request.display_name)
        self._credentials.forget_account(account.id)
        return api.ChangeDisplayNameResponse(account=account_to_wire(account))

    async def ResetPassword(self, request: api.ResetPasswordRequest, context: Context) -> api.ResetPasswordResponse:
        self._cookies.check_origin(context.header)
        account = await self._entering.reset_password(request.secret, request.new_password, client_of(context))
        self._credentials.forget_account(account.id)
        return api.ResetPasswordResponse()

    async def ExchangeApiToken(
        self, request: api.ExchangeApiTokenRequest, context: Context
    ) -> api.ExchangeApiTokenResponse:
        del context  # A secret of 256 bits is not guessed: nothing is counted.
        known = await self._credentials.by_api_token(request.api_token)
        bearer = self._credentials.bearer(known)
        return api.ExchangeApiTokenResponse(
            access_token=bearer.token,
            expire_time=time_to_wire(bearer.expires_at),
            subject=known.account.name,
            grpc_addresses=self._grpc_addresses,
        )

    @needs(_EVERYBODY, By.SESSION)
    async def ListSessions(self, request: api.ListSessionsRequest, call: Call) -> api.ListSessionsResponse:
        del request
        listed = await self._own.sessions(call.known.account)
        lifetimes, current = self._policy.sessions, call.known.id
        return api.ListSessionsResponse(sessions=[session_to_wire(one, lifetimes, current=current) for one in listed])

    @needs(_EVERYBODY, By.SESSION)
    async def RevokeSession(self, request: api.RevokeSessionRequest, call: Call) -> api.RevokeSessionResponse:
        (session,) = parse_name("sessions/*", request.name)
        await self._own.end_session(call.known.account, session)
        self._credentials.forget(session)
        return api.RevokeSessionResponse()

    @needs(_EVERYBODY, By.SESSION)
    async def CreateApiToken(self, request: api.CreateApiTokenRequest, call: Call) -> api.CreateApiTokenResponse:
        made, secret = await self._own.create_api_token(
            call.known.account, request.display_name, role_from_wire(request.role), request.lifetime_days
        )
        return api.CreateApiTokenResponse(api_token=api_token_to_wire(made), secret=secret)

    @needs(_EVERYBODY)
    async def ListApiTokens(self, request: api.ListApiTokensRequest, call: Call) -> api.ListApiTokensResponse:
        del request
        listed = await self._own.api_tokens(await self._account(call))
        return api.ListApiTokensResponse(api_tokens=[api_token_to_wire(one) for one in listed])

    @needs(_EVERYBODY)
    async def RevokeApiToken(self, request: api.RevokeApiTokenRequest, call: Call) -> api.RevokeApiTokenResponse:
        known = call.caller.known
        own = known.api_token if known else None
        name = own.name if own and request.name == _SELF else request.name
        (token,) = parse_name("apiTokens/*", name)
        await self._own.revoke_api_token((await self._account(call)).id, token)
        self._credentials.forget(token)
        return api.RevokeApiTokenResponse()

    @needs(Role.MANAGER)
    async def CreateInvitation(self, request: api.CreateInvitationRequest, call: Call) -> api.CreateInvitationResponse:
        asked, days = role_from_wire(request.role), request.lifetime_days
        made, secret = await self._people.invite(call.caller.subject, call.caller.role, asked, days)
        return api.CreateInvitationResponse(invitation=invitation_to_wire(made), secret=secret)

    @needs(Role.MANAGER)
    async def ListInvitations(self, request: api.ListInvitationsRequest, call: Call) -> api.ListInvitationsResponse:
        del call
        size, after = page_size(request.page_size), decode_time_token(request.page_token)
        found = await self._people.invitations(after=after, size=size + 1)
        more = encode_time_token(found[size - 1].created_at, found[size - 1].id) if len(found) > size else ""
        listed = [invitation_to_wire(one) for one in found[:size]]
        return api.ListInvitationsResponse(invitations=listed, next_page_token=more)

    @needs(Role.MANAGER)
    async def RevokeInvitation(self, request: api.RevokeInvitationRequest, call: Call) -> api.RevokeInvitationResponse:
        del call
        (invitation,) = parse_name("invitations/*", request.name)
        await self._people.revoke_invitation(invitation)
        return api.RevokeInvitationResponse()

    @needs(_EVERYBODY)
    async def GetDisplayNames(self, request: api.GetDisplayNamesRequest, call: Call) -> api.GetDisplayNamesResponse:
        del call
        return api.GetDisplayNamesResponse(display_names=await self._people.display_names(request.names))

    @needs(Role.MANAGER)
    async def ListAccounts(self, request: api.ListAccountsRequest, call: Call) -> api.ListAccountsResponse:
        del call
        size, after = page_size(request.page_size), decode_token(request.page_token)
        found = await self._people.page(after=str(after[0]) if after else "", size=size + 1)
        more = encode_token([found[size - 1].id]) if len(found) > size else ""
        return api.ListAccountsResponse(accounts=[account_to_wire(one) for one in found[:size]], next_page_token=more)

    @needs(Role.OWNER)
    async def ChangeRole(self, request: api.ChangeRoleRequest, call: Call) -> api.ChangeRoleResponse:
        del call
        account = await self._people.change_role(_user(request.name), role_from_wire(request.role))
        self._credentials.forget_account(account.id)
        return api.ChangeRoleResponse(account=account_to_wire(account))

    @needs(Role.OWNER)
    async def DisableAccount(self, request: api.DisableAccountRequest, call: Call) -> api.DisableAccountResponse:
        del call
        account = await self._people.switch(_user(request.name), disabled=True)
        self._credentials.forget_account(account.id)
        return api.DisableAccountResponse(account=account_to_wire(account))

    @needs(Role.OWNER)
    async def EnableAccount(self, request: api.EnableAccountRequest, call: Call) -> api.EnableAccountResponse:
        del call
        account = await self._people.switch(_user(request.name), disabled=False)
        return api.EnableAccountResponse(account=account_to_wire(account))

    @needs(Role.OWNER, By.NO_API_TOKEN)
    async def CreatePasswordReset(
        self, request: api.CreatePasswordResetRequest, call: Call
    ) -> api.CreatePasswordResetResponse:
        del call
        reset, secret = await self._people.create_reset(_user(request.name))
        return api.CreatePasswordResetResponse(secret=secret, expire_time=time_to_wire(reset.expires_at))

    def _let_in(self, entered: Entered, context: Context) -> None:
        self._cookies.give(context.set_cookie, context.header("host") or "", entered.secret)

    def _current(self, session: sessions.Session) -> account_pb2.Session:
        return session_to_wire(session, self._policy.sessions, current=session.id)

    async def _account(self, call: Call) -> Account:
        """Of whoever calls; raises NotFound ACCOUNT_NOT_FOUND for a JWT of nobody's account."""
        if call.caller.known:
            return call.caller.known.account
        kind, _, user = call.caller.subject.partition("/")
        if kind != "users":
            raise NotFound("ACCOUNT_NOT_FOUND", f"{call.caller.subject} has no account.", account=call.caller.subject)
        return await self._people.get(user)


# Read off the guards: the two cannot differ.
IdentityService.ROLES = {name: one.role for name, one in needs_of(IdentityService).items()}


def _user(name: str) -> str:
    return parse_name("users/*", name)[0]
