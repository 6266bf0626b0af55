"""Two people use Synapse as people do: rooms, messages, files; `synapse-talk.py first|more`."""

import json
import os
import struct
import sys
import urllib.request
import zlib

BASE = "http://127.0.0.1:8008"


def ask(method, path, token=None, body=None, kind="application/json"):
    request = urllib.request.Request(BASE + path, method=method)
    if body is not None:
        request.data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request.add_header("Content-Type", kind)
    if token:
        request.add_header("Authorization", "Bearer " + token)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def login(user):
    who = {"type": "m.id.user", "user": user}
    body = {"type": "m.login.password", "identifier": who, "password": "correct horse"}
    return ask("POST", "/_matrix/client/v3/login", body=body)["access_token"]


def say(token, room, number):
    path = f"/_matrix/client/v3/rooms/{room}/send/m.room.message/{number}"
    ask("PUT", path, token, {"msgtype": "m.text", "body": f"message {number}"})


def send(token, data, kind="application/octet-stream"):
    return ask("POST", "/_matrix/media/v3/upload", token, data, kind)["content_uri"]


def picture(side):
    """A PNG of one colour a row, so that there are thumbnails."""
    def part(name, data):
        whole = name + data
        return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))

    rows = b"".join(b"\0" + bytes([row % 256, 99, 9]) * side for row in range(side))
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = part(b"IHDR", head) + part(b"IDAT", zlib.compress(rows)) + part(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


anna = login("anna")
if sys.argv[1] == "first":
    bert = login("bert")
    room = ask("POST", "/_matrix/client/v3/createRoom", anna, {"preset": "public_chat"})["room_id"]
    ask("POST", f"/_matrix/client/v3/join/{room}", bert, {})
    # He is told of messages by a machine that nobody has.
    data = {"url": "http://10.83.0.99/_matrix/push/v1/notify"}
    names = {"app_id": "lab", "app_display_name": "lab", "device_display_name": "lab"}
    pusher = {"pushkey": "bert", "kind": "http", "lang": "en", "data": data} | names
    ask("POST", "/_matrix/client/v3/pushers/set", bert, pusher)
    ask("POST", "/_matrix/client/v3/createRoom", anna, {"name": "Garden"})
    # May be given out once, so that no copy may have it.
    ask("POST", "/_matrix/client/v3/keys/upload", anna, {"one_time_keys": {"curve25519:AAAA": "x"}})
    for number in range(40):
        say(anna, room, number)
    for size in (100, 30_000, 300_000, 3_000_000):
        send(anna, os.urandom(size))
    send(bert, picture(700), "image/png")
    with open("/srv/room", "w") as file:
        file.write(room)
else:
    with open("/srv/room") as file:
        room = file.read()
    for number in range(40, 45):
        say(anna, room, number)
    send(anna, os.urandom(50_000))
