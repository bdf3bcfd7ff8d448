//! The shape of a fold, and the number that goes with it.
//!
//! What a store kept under one number must not be read under that number as something else. When
//! the test here fails, raise [`RULES`](super::RULES) first, and only then renew the text with
//! `UPDATE_EXPECT=1`.

mod told;

use expect_test::expect;
use serde_json::{Value, json};

use super::story::Story;
use super::{RULES, Status};

/// Leaves something in every field of a workspace and of a life.
const EVERYTHING: &str = "
    invited red; login sales; settings 1 1h; start 1; stopped 1 idle; purge 1.1;
    undone 1.1 register_task; retried 1.1 prepare_home undoing 8; parked 1.1 prepare_home undoing;
    purge 1.2; undone 1.2 prepare_home; purged 1;
    start 2; done 2.1 prepare_home; done 2.1 register_task; done 2.1 grant_lease;
    done 2.1 run_task; done 2.1 await_address; done 2.1 open_route; done 2.1 probe_ready;
    ready 2.1; active 2; busy 2 1; wake 2 9h; snoozed 2 10m; +2h notice; ended 2.1;
    refused 2.1 run_task; undone 2.1 open_route; undone 2.1 run_task; undone 2.1 grant_lease;
    failed 2.1; restart 2.2 grant_lease; done 2.2 grant_lease;
    deferred 2.2 run_task 5s; retried 2.2 run_task forward 3;
    refused 2.2 run_task; parked 2.2 run_task; quiesced 2; stop 2 admin; start 3";

#[test]
fn the_shape_of_a_fold_changes_only_with_the_number_of_its_rules() {
    let mut story = Story::begin();
    for line in EVERYTHING.split(';').map(str::trim) {
        story.tell(line);
    }
    let fold = serde_json::to_value(&story.workspace).expect("to JSON");
    let life = &fold["lives"]["2"];
    for whole in [&fold, life, &fold["purge"]] {
        let empty =
            |value: &Value| value.is_null() || *value == json!({}) || *value == json!(false);
        let fields = whole.as_object().expect("an object").iter();
        let missed: Vec<_> =
            fields.filter(|(_, value)| empty(value)).map(|(name, _)| name).collect();
        assert!(missed.is_empty(), "the story says nothing of {missed:?}");
    }
    let shape = serde_json::to_string_pretty(&json!({ "rules": RULES, "fold": fold }));
    expect![[r#"
        {
          "fold": {
            "active": [
              "2026-01-01T00:00:22Z",
              "user_input"
            ],
            "ended": {
              "at": "2026-01-01T00:00:05Z",
              "generation": 1,
              "reason": {
                "kind": "idle",
                "lastActive": "2025-12-31T23:30:05Z"
              }
            },
            "lives": {
              "2": {
                "busy": [
                  "2026-01-01T00:00:23Z",
                  1
                ],
                "deferred": {
                  "at": "2026-01-01T02:00:35Z",
                  "attempt": 2,
                  "place": 7,
                  "step": "run_task",
                  "until": "2026-01-01T02:00:40Z"
                },
                "done": {
                  "await_address": {
                    "attempt": 1,
                    "output": {
                      "address": "127.0.0.1:20000",
                      "kind": "address"
                    }
                  },
                  "grant_lease": {
                    "attempt": 2,
                    "output": {
                      "attempt": 2,
                      "kind": "lease"
                    }
                  },
                  "open_route": {
                    "attempt": 1,
                    "output": {
                      "kind": "nothing"
                    }
                  },
                  "prepare_home": {
                    "attempt": 1,
                    "output": {
                      "kind": "home",
                      "place": "/homes/ann"
                    }
                  },
                  "probe_ready": {
                    "attempt": 1,
                    "output": {
                      "kind": "nothing"
                    }
                  },
                  "register_task": {
                    "attempt": 1,
                    "output": {
                      "kind": "nothing"
                    }
                  },
                  "run_task": {
                    "attempt": 1,
                    "output": {
                      "kind": "task",
                      "task": "task-1"
                    }
                  }
                },
                "failed": [
                  1,
                  "2026-01-01T02:00:32Z"
                ],
                "notice": {
                  "given": "2026-01-01T02:00:26Z",
                  "idle_since": "2026-01-01T00:00:22Z",
                  "stop_at": "2026-01-01T02:02:26Z"
                },
                "parked": {
                  "at": "2026-01-01T02:00:38Z",
                  "attempt": 2,
                  "reason": {
                    "class": "agent_exited",
                    "words": "the agent ended: exit code 1"
                  },
                  "step": "run_task",
                  "undoing": false
                },
                "progressed": "2026-01-01T02:00:40Z",
                "quiesced": true,
                "ready": [
                  1,
                  "2026-01-01T00:00:21Z"
                ],
                "refused": {
                  "at": "2026-01-01T02:00:37Z",
                  "attempt": 2,
                  "reason": {
                    "class": "agent_exited",
                    "words": "the agent ended: exit code 1"
                  },
                  "step": "run_task",
                  "undoing": false
                },
                "replay": [
                  2,
                  "grant_lease",
                  true,
                  "2026-01-01T02:00:33Z"
                ],
                "requested": [
                  "2026-01-01T00:00:13Z",
                  "login"
                ],
                "restarts": {
                  "2": null
                },
                "retried": {
                  "at": "2026-01-01T02:00:36Z",
                  "attempt": 2,
                  "failures": 3,
                  "reason": {
                    "class": "agent_exited",
                    "words": "the agent ended: exit code 1"
                  },
                  "step": "run_task",
                  "undoing": false
                },
                "snoozed": "2026-01-01T00:10:25Z",
                "stop": [
                  "2026-01-01T02:00:40Z",
                  {
                    "kind": "admin"
                  }
                ],
                "task": {
                  "attempt": 1,
                  "state": {
                    "kind": "stopped",
                    "reason": {
                      "class": "agent_exited",
                      "words": "the agent ended: exit code 1"
                    }
                  },
                  "task": "task-1",
                  "version": 9
                },
                "undone": {
                  "grant_lease": 1,
                  "open_route": 1,
                  "run_task": 1
                }
              },
              "3": {
                "busy": null,
                "deferred": null,
                "done": {},
                "failed": null,
                "notice": null,
                "parked": null,
                "progressed": "2026-01-01T02:00:41Z",
                "quiesced": false,
                "ready": null,
                "refused": null,
                "replay": null,
                "requested": [
                  "2026-01-01T02:00:41Z",
                  "login"
                ],
                "restarts": {},
                "retried": null,
                "snoozed": null,
                "stop": null,
                "task": null,
                "undone": {}
              }
            },
            "purge": {
              "asked": [
                1,
                2
              ],
              "over": 1,
              "parked": [
                1,
                {
                  "at": "2026-01-01T00:00:09Z",
                  "attempt": 1,
                  "reason": {
                    "class": "agent_exited",
                    "words": "the agent ended: exit code 1"
                  },
                  "step": "prepare_home",
                  "undoing": true
                }
              ],
              "progressed": "2026-01-01T00:00:11Z",
              "retried": [
                1,
                {
                  "at": "2026-01-01T00:00:08Z",
                  "attempt": 1,
                  "failures": 8,
                  "reason": {
                    "class": "agent_exited",
                    "words": "the agent ended: exit code 1"
                  },
                  "step": "prepare_home",
                  "undoing": true
                }
              ],
              "undone": {
                "prepare_home": 1,
                "register_task": 1
              }
            },
            "settings": [
              1,
              "PT1H"
            ],
            "team": [
              "2026-01-01T00:00:02Z",
              "sales"
            ],
            "wake": [
              2,
              "2026-01-01T00:00:24Z",
              "2026-01-01T09:00:24Z"
            ]
          },
          "rules": 4
        }"#]]
    .assert_eq(&shape.expect("to JSON"));
}

#[test]
fn a_status_has_the_name_that_is_on_the_wire() {
    for status in Status::ALL {
        assert_eq!(serde_json::json!(status), status.name());
    }
}
