"""What AWS documents and ministack lacks, put into it: no more than the tests ask for.

- SQS: fair queues (sqs-fair-queues.html), and tasks that move dead letters back
  (API_StartMessageMoveTask.html): messages that are hidden stay, the others become new ones.
- Secrets Manager: a version that is put again with the same token and text is the same version, and
  with another text a ResourceExistsException (API_PutSecretValue.html, ClientRequestToken).
- SQS: `SenderId` of a role's session is `AROA…:session`, whoever receives the message
  (API_ReceiveMessage.html).
"""

import time
import uuid
from contextvars import ContextVar

from ministack.core import iam_evaluator
from ministack.core.responses import error_response_json, json_response
from ministack.core.router import extract_access_key_id
from ministack.services import lambda_svc, secretsmanager, sqs, sts

# A group is noisy with more than a tenth of what is in flight, and at least so many messages.
NOISY_SHARE = 10
NOISY_MIN = 30

collect = sqs._collect_msgs
put_secret_value = secretsmanager._put_secret_value
pin_request_caller = iam_evaluator.pin_request_caller
build_send_sys_attrs = sqs._build_send_sys_attrs
dispatch_esm_batch = lambda_svc._dispatch_esm_batch
moves = {}
session = ContextVar("session", default=None)


def collect_fairly(queue, max_n, visibility):
    now = time.time()
    groups = [
        message.get("group_id")
        for message in queue["messages"]
        if message.get("receive_count") and message["visible_at"] > now
    ]
    noisy = {
        group
        for group in set(groups) - {None}
        if groups.count(group) >= NOISY_MIN and groups.count(group) * NOISY_SHARE > len(groups)
    }
    if noisy and not queue["is_fifo"]:
        queue["messages"].sort(key=lambda message: message.get("group_id") in noisy)
    return collect(queue, max_n, visibility)


def start_message_move_task(data, _url):
    source = data.get("SourceArn", "")
    letters = sqs._queue_by_arn(source)
    if letters is None:
        raise sqs._Err("ResourceNotFoundException", "The resource that you specified does not exist.")
    now, moved, kept = time.time(), 0, []
    for message in letters["messages"]:
        home = sqs._queue_by_arn(message["sys"].get("DeadLetterQueueSourceArn", ""))
        if home is None or message["visible_at"] > now:
            kept.append(message)
            continue
        told = {**message["sys"], "SentTimestamp": str(int(now * 1000))}
        told.pop("DeadLetterQueueSourceArn")
        new = {"id": str(uuid.uuid4()), "receive_count": 0, "first_receive_at": None}
        when = {"enqueued_at": now, "visible_at": now, "receipt_handle": None, "sys": told}
        home["messages"].append({**message, **new, **when})
        moved += 1
    letters["messages"] = kept
    moves[source] = {
        "Status": "COMPLETED",
        "SourceArn": source,
        "ApproximateNumberOfMessagesMoved": moved,
        "ApproximateNumberOfMessagesToMove": moved,
        "StartedTimestamp": int(now * 1000),
    }
    return {"TaskHandle": str(uuid.uuid4())}


def list_message_move_tasks(data, _url):
    last = moves.get(data.get("SourceArn", ""))
    return {"Results": [last] if last else []}


def put_secret_value_once(data):
    _, secret = secretsmanager._resolve(data.get("SecretId"))
    token = data.get("ClientRequestToken")
    known = secret["Versions"].get(token) if secret else None
    if known is None:
        return put_secret_value(data)
    if known["SecretString"] != data.get("SecretString"):
        words = f"You can't use ClientRequestToken {token}: a version with it has another value."
        return error_response_json("ResourceExistsException", words, 400)
    names = {"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": token}
    return json_response({**names, "VersionStages": list(known["Stages"])})


def pin_session(headers, query_params=None):
    pin_request_caller(headers, query_params)
    known = sts._sessions.get(extract_access_key_id(headers, query_params))
    session.set(known["UserId"] if known else None)


def attributes_with_sender(now, given):
    told = build_send_sys_attrs(now, given)
    sender = session.get()
    return {**told, "SenderId": sender} if sender else told


def dispatch_with_sender(mapping, run, esm, function, event, batch, *rest):
    senders = {message["id"]: message["sys"]["SenderId"] for message in batch}
    for record in event["Records"]:
        record["attributes"]["SenderId"] = senders[record["messageId"]]
    return dispatch_esm_batch(mapping, run, esm, function, event, batch, *rest)


iam_evaluator.pin_request_caller = pin_session
sqs._build_send_sys_attrs = attributes_with_sender
lambda_svc._dispatch_esm_batch = dispatch_with_sender
sqs._collect_msgs = collect_fairly
sqs._HANDLERS["StartMessageMoveTask"] = start_message_move_task
sqs._HANDLERS["ListMessageMoveTasks"] = list_message_move_tasks
secretsmanager._put_secret_value = put_secret_value_once
