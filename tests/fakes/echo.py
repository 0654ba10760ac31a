"""A small Bolt app, as a plugin author would write one: it echoes, shows a card, opens a modal."""

from __future__ import annotations

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

QUIET = {"unfurl_links": False, "unfurl_media": False}


def plain(text):
    return {"type": "plain_text", "text": text}


def button(action_id, value, **more):
    return {"type": "button", "action_id": action_id, "text": plain(action_id), "value": value, **more}


CARD = [
    {"type": "header", "text": plain("Approval needed")},
    {"type": "actions", "elements": [button("approve", "a1:1", style="primary"), button("ask", "a1:1")]},
]
MODAL = {
    "type": "modal",
    "callback_id": "reason",
    "title": plain("Why?"),
    "submit": plain("Send"),
    "private_metadata": "a1",
    "blocks": [
        {
            "type": "input",
            "block_id": "why",
            "label": plain("Reason"),
            "element": {"type": "plain_text_input", "action_id": "text"},
        }
    ],
}


class Echo:
    """:ivar heard: every event, command and interaction, as Bolt handed it over"""

    def __init__(self, url, signing_secret, token):
        self.heard = []
        self.client = AsyncWebClient(token, base_url=url + "/api/")
        self.app = AsyncApp(client=self.client, signing_secret=signing_secret)
        self.app.event("app_mention")(self.on_mention)
        self.app.event("message")(self.on_message)
        self.app.event("app_home_opened")(self.on_home)
        self.app.event("tokens_revoked")(self.on_revoked)
        self.app.event("app_uninstalled")(self.on_revoked)
        self.app.command("/ironclaw")(self.on_command)
        self.app.action("approve")(self.on_approve)
        self.app.action("ask")(self.on_ask)
        self.app.view("reason")(self.on_reason)
        self._stop = []

    async def on_mention(self, body, event, say):
        self.heard.append(body)
        thread = event.get("thread_ts", event["ts"])
        blocks = CARD if "card" in event["text"] else []
        await say(text=f"echo: {event['text']}", blocks=blocks, thread_ts=thread, **QUIET)

    async def on_message(self, body, event, say):
        self.heard.append(body)
        if "subtype" not in event:
            await say(text=f"echo: {event['text']}", **QUIET)

    async def on_home(self, body, event):
        self.heard.append(body)
        view = {"type": "home", "blocks": [{"type": "header", "text": plain("Waiting for you")}]}
        await self.client.views_publish(user_id=event["user"], view=view)

    async def on_revoked(self, body):
        self.heard.append(body)

    async def on_command(self, ack, body, respond):
        self.heard.append(body)
        await ack(f"you said {body['text']}")

    async def on_approve(self, ack, body):
        self.heard.append(body)
        await ack()
        place = body["container"]
        await self.client.chat_update(
            channel=place["channel_id"], ts=place["message_ts"], text="approved", blocks=[]
        )

    async def on_ask(self, ack, body):
        self.heard.append(body)
        await ack()
        await self.client.views_open(trigger_id=body["trigger_id"], view=MODAL)

    async def on_reason(self, ack, body, view):
        self.heard.append(body)
        if view["state"]["values"]["why"]["text"]["value"] == "no":
            await ack(response_action="errors", errors={"why": "Say more."})
        else:
            await ack()

    async def serve(self):
        """Over HTTP; returns the request url."""

        async def receive(request):
            return await to_aiohttp_response(await self.app.async_dispatch(await to_bolt_request(request)))

        site = web.Application()
        site.router.add_post("/slack/events", receive)
        runner = web.AppRunner(site)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self._stop.append(runner.cleanup)
        return f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"

    async def connect(self, app_token):
        """Over Socket Mode."""
        web_client = AsyncWebClient(app_token, base_url=self.client.base_url)
        handler = AsyncSocketModeHandler(self.app, app_token, web_client=web_client)
        await handler.connect_async()
        self._stop.append(handler.close_async)
        return handler

    async def stop(self):
        for stop in self._stop:
            await stop()

    def names(self):
        """What was heard, by its type."""
        return [body.get("event", body).get("type") or body["command"] for body in self.heard]
