"""Every bound of the product in one place, the unit last in the name, the reason beside it.

Nothing in Holdfast grows with the backlog but the file: each queue, batch, retry, string and timeout is cut here.
"""

from typing import Final

# --- the order document: what a till may send (domain: a large grocery basket has some 200 lines) -------------------
LINES_MAX: Final = 500  # ten times a large basket; with 256 KiB of body, rarely reached
ADJUSTMENTS_MAX: Final = 500  # one for each line
TAX_LINES_MAX: Final = 50  # rates that meet in one basket
PAYMENTS_MAX: Final = 20  # split tender by a party of guests
TRAITS_MAX: Final = 8  # there are six
ADDRESS_LINES_MAX: Final = 4  # UPU S42 delivery address lines
IDENTIFIER_CHARS_MAX: Final = 64  # fits a UUID with a prefix; longer ones are errors in practice
TEXT_CHARS_MAX: Final = 200  # a description, a name: what a receipt can print
ATTRIBUTION_KEYS_MAX: Final = 20  # a marketing touch has five to ten labels
MONEY_MINOR_MAX: Final = 10**12  # ten thousand million of any currency; sums of 500 stay far inside 63 bits
QUANTITY_MILLI_MAX: Final = 10**9  # a million pieces or a thousand tonnes on one line
BODY_BYTES_MAX: Final = 256 * 1024  # an order of 500 full lines is about 150 KiB
MOVEMENT_LINES_MAX: Final = 500  # one delivery note
STOCK_CHANGE_MILLI_MAX: Final = QUANTITY_MILLI_MAX * LINES_MAX  # of one SKU by one decision: every line names it
BATCH_ORDERS_MAX: Final = 64  # orders of one request: half of a group commit, so that a till never waits for two
BATCH_BODY_BYTES_MAX: Final = 2 * 1024 * 1024  # of such a request: 64 orders of fifty lines
ORDER_EVENTS_MAX: Final = 500  # a long life has fifty; then an order only goes on to its end, and is divided no more
ORDER_RETURNS_MAX: Final = 100  # each of a basket's pieces on its own; five events each at most
ORDER_PAYMENTS_MAX: Final = 40  # those that it was placed with, and as many after
REVISION_MAX: Final = 2**53 - 1  # that a client may name: every JSON reader takes it; no order comes near it

# --- the local API ---------------------------------------------------------------------------------------------------
IDEMPOTENCY_KEY_CHARS_MAX: Final = 128  # a UUID has 36
HEADER_BYTES_MAX: Final = 16 * 1024  # a trace context and a token need less than 1 KiB
HEADERS_MAX: Final = 64  # a till sends about ten
HEADER_TIMEOUT_MS: Final = 5_000  # on localhost a header arrives in microseconds
BODY_TIMEOUT_MS: Final = 5_000  # the same for a body
KEEP_ALIVE_TIMEOUT_MS: Final = 75_000  # a till is quiet between customers
PIPELINE_MAX: Final = 16  # requests of one connection that wait for their turn; no till pipelines
CONNECTIONS_MAX: Final = 512  # a store has at most some hundred tills and devices
INTAKE_QUEUE_MAX: Final = 1024  # waiting for a commit; at 3,000/s a third of a second
INTAKE_BATCH_MAX: Final = 128  # one group commit; larger ones gain nothing (bench) and cost latency
PAGE_ROWS_DEFAULT: Final = 50  # one screen
PAGE_ROWS_MAX: Final = 500  # a page of a list, in memory at once
SHUTDOWN_TIMEOUT_MS: Final = 10_000  # systemd kills at 15 s
WATCHDOG_INTERVAL_DIVISOR: Final = 3  # sd_watchdog_enabled(3) asks for half; a third forgives one late beat
GC_ALLOCATIONS: Final = 20_000  # objects between two looks of the garbage collector: some 100 orders
TOKENS_MAX: Final = 1_000  # one for each device of a store

# --- the store -------------------------------------------------------------------------------------------------------
IDEMPOTENCY_DAYS_MAX: Final = 8  # a till that was away for a week still gets its old answer
CHECKPOINT_INTERVAL_MS: Final = 250  # passive, from another connection: best p99 of those tried (docs/store.md)
WAL_PAGES_MAX: Final = 8_000  # 32 MiB: the writer itself checkpoints past it, so that the WAL cannot grow without end
SQLITE_CACHE_KIB: Final = 8 * 1024  # of the writer; the agent has 80 MB in all
SQLITE_READER_CACHE_KIB: Final = 2 * 1024  # of each reader
BUSY_TIMEOUT_MS: Final = 5_000  # another process (verify, export) reads at the same time
RESERVE_BYTES_DEFAULT: Final = 64 * 1024 * 1024  # some 10,000 orders, when a full disk is being cleared
SHED_FREE_BYTES_DEFAULT: Final = 256 * 1024 * 1024  # four reserves: what can wait rests before selling is in danger
STREAM_SEQ_BITS: Final = 40  # 10^12 entries in one stream: a thousand a second for thirty years
RETENTION_DAYS_DEFAULT: Final = 30  # of the log: a month's orders can be looked up, changed and sent again
RETENTION_DAYS_MAX_DEFAULT: Final = 90  # a centre without a backup for a quarter of a year is not going to make one
RETENTION_DAYS_MAX: Final = 3_650  # ten years: what tax law asks of books at most
RETENTION_BYTES_MAX_DEFAULT: Final = 16 * 1024**3  # some four million orders; a store's disk has more
RETENTION_INTERVAL_MS: Final = 60_000  # between two looks at what may go
RETENTION_MARK_INTERVAL_MS: Final = 86_400_000  # how finely the age of entries is known: a day
RETENTION_MEMORY_MS: Final = 366 * 86_400_000  # ids of what is gone, 16 bytes each: no fork stays unheard for a year
RETENTION_STEP_ENTRIES: Final = 128  # let go of in one transaction: 10 ms, for which a till waits at most
RETENTION_STEP_PAUSE_MS: Final = 50  # between two steps: tills come first
OVERDUE_LOOK_INTERVAL_MS: Final = 300_000  # between two looks for goods that nobody fetched: they had seven days
OVERDUE_ORDERS_PER_STEP: Final = 100  # read at once in such a look: some 20 ms of a reader
DAY_ORDERS_PER_STEP: Final = 25  # of a day's books added up at once: some 5 ms, then tills are served
DAY_CLOCK_SKEW_MS: Final = 86_400_000  # a store's clock may differ so much from the centre's before a day lacks entries
STORE_REOPEN_DELAY_MS: Final = 250  # first pause after a failed commit
STORE_REOPEN_DELAY_MS_MAX: Final = 5_000  # and the longest

# --- the link (docs/protocol.md) -------------------------------------------------------------------------------------
SHARDS: Final = 64  # leases for ingesters; two hex digits in the topic (00 to 3f)
ENTRY_VERSION_MAX: Final = 255  # a newer one for each year of this century and the next; beyond that it is rubbish
ENTRY_BYTES_MAX: Final = 512 * 1024  # a body of 256 KiB as MessagePack with its events is smaller
PUSH_ENTRIES_MAX: Final = 512  # best batch for PostgreSQL (docs/adr/0005) and about 100 KB compressed
PUSH_BYTES_MAX: Final = 768 * 1024  # of entries before compression, unless one entry alone is larger
MESSAGE_BYTES_MAX: Final = 1024 * 1024  # any message on the wire; brokers allow more
BLOCK_BYTES_MAX: Final = 2 * 1024 * 1024  # what a compressed block may unpack to
PUSH_WINDOW_MAX: Final = 16  # pushes in flight: one transaction's while the next one's are read; 16 x 100 KB
RESEND_AFTER_MS: Final = 2_000  # no progress for so long: send again from the durable position
RESEND_AFTER_MS_MAX: Final = 30_000  # doubled each time up to this
HELD_RESEND_AFTER_MS_MAX: Final = 60_000  # the same where the centre holds the stream: so late is an upgrade noticed
LINK_TICK_INTERVAL_MS: Final = 250  # how often the link looks at the clock when nothing happens
HELLO_TIMEOUT_MS: Final = 3_000  # no welcome for so long: say hello again
HELLO_TIMEOUT_MS_MAX: Final = 30_000  # doubled each time up to this, while a broker is there and no centre
HEARTBEAT_INTERVAL_MS: Final = 5_000  # what the fleet view shows is never older while connected
CONNECT_DELAY_MS: Final = 500  # first full-jitter bound after a lost connection
CONNECT_DELAY_MS_MAX: Final = 60_000  # the largest; reset only by an ack of the centre
CONNECT_TIMEOUT_MS: Final = 5_000  # TCP and MQTT CONNECT
TRICKLE_ENTRIES_PER_S: Final = 20  # of each node, whatever its grant: ten times what a busy store sells
BURST_MS: Final = 1_000  # tokens that are kept: four looks of the link at its clock
BULK_TURN_ENTRIES: Final = 64  # a push of the bulk lane while orders wait for tokens
BULK_TURN_DIVISOR: Final = 8  # and so many order entries go before each of its entries
LINK_BANDWIDTH_BYTES_PER_S_MIN: Final = 16_000  # a cap below could not carry a fresh order within 2 s of a push
LINK_WINDOWS_MAX: Final = 24  # times of day with a cap of their own
EARLY_BACKLOG_ENTRIES: Final = 2_048  # pending beyond this: the newest go ahead; a quarter of a second at full speed
EARLY_ENTRIES_MAX: Final = 32  # of the newest in one early message; a store sells at most a few a second
EARLY_INTERVAL_MS: Final = 250  # between two early messages of a node: a fresh order has 2 s
EARLY_ENTRY_BYTES: Final = 512  # what an entry takes on the wire, generously; how long a cap makes a fresh one wait
FORMER_INCARNATIONS_MAX: Final = 32  # earlier lives of one node that are compared; the newest are taken
LOCATOR_MARKS_MAX: Final = 48  # doubling steps back reach 2^40 entries with as many
RECALL_TIMEOUT_MS: Final = 3_000  # no answer to a recall for so long: ask again
DOWNLINK_ENTRIES_MAX: Final = 64  # instructions of one delivery: the tills wait for their transaction, some 20 ms
DOWNLINK_WINDOW_MAX: Final = 2  # deliveries to one node on their way: one is taken while the next one travels
INSTRUCTION_BYTES_MAX: Final = 64 * 1024  # an order of 400 lines; a cancel has 100; what is larger goes over HTTPS
PARKED_INSTRUCTIONS_MAX: Final = 1_000  # rows at one node; with so many parked the downlink stands still
LOST_NAMED_MAX: Final = 32  # seqs in one line of the log; how many there are is said beside them
NEEDED_BYTES_MAX: Final = 16 * 1024 * 1024  # of a newcomer's picture: 8,000 open orders and 20,000 positions
NEEDED_RESTARTS_MAX: Final = 3  # a picture that goes on changing while it is sent is not waited for
NEEDED_TRIES_MAX: Final = 3  # times that nobody answers a newcomer; then its history comes without a picture
NEEDED_ORDERS_PER_PAGE: Final = 128  # open orders that the centre looks at for one page: some 400 entries
HISTORY_STEP_ENTRIES: Final = 64  # of the history that are taken in one transaction: tills wait for it
MOVE_STEP_ENTRIES: Final = 64  # of a former stream that move to the present one in one transaction: tills wait for it
MOVE_STEPS_MAX: Final = 16  # such transactions one after the other; then the link has its turn, after about a second
RENEWALS_MAX: Final = 3  # new incarnations without a word of the centre between them; then the link pauses
STOPPED_PAUSE_MS: Final = 600_000  # the first pause: people are told, and a centre that is being mended is left alone
STOPPED_PAUSE_MS_MAX: Final = 86_400_000  # doubled each time up to a day: one attempt in vain is one incarnation more
MQTT_KEEP_ALIVE_S: Final = 20  # a dead peer is noticed within 30 s
MQTT_INBOX_MAX: Final = 1_000  # received and not yet looked at; more are dropped, counted and sent again by the edge
MQTT_INBOX_BYTES_MAX: Final = 16 * 1024 * 1024  # the same in bytes; sixteen of the largest messages
MQTT_IN_FLIGHT_MAX: Final = 100  # published and not yet PUBACKed; paho slows down with more (measured)
MQTT_CLOSE_TIMEOUT_MS: Final = 1_000  # for the DISCONNECT to leave; then the socket is cut
ERROR_TEXT_CHARS_MAX: Final = 300  # an error as it is shown to the centre

# --- the audit (docs/protocol.md, "The audit") -----------------------------------------------------------------------
SCRUB_INTERVAL_MS: Final = 86_400_000  # each record is read and compared once a day, spread over the day
SCRUB_STEP_ENTRIES: Final = 256  # read at once: about 256 KB, a few milliseconds
SCRUB_PAUSE_MS: Final = 1_000  # at least so long between two segments of the daily round
SCRUB_PAUSE_MS_MAX: Final = 600_000  # and at most, so that a machine that runs for an hour a day comes round too
SCRUB_RETRY_MS: Final = 60_000  # between two attempts to mend what is known to be damaged
SCRUB_BUSY_PAUSE_MS: Final = 250  # while requests wait for a commit, nothing is read
SCRUB_BUSY_PAUSES_MAX: Final = 40  # then it reads a step all the same: a store that is never idle is read too
DAMAGE_ROWS_MAX: Final = 1_000  # damaged records that are listed; a file with more is replaced, not mended
AUDIT_SEGMENT_ENTRIES: Final = 4_096  # compared by one digest: 4 MB read at each end, 200 bytes sent
AUDIT_RUNS_MAX: Final = 16  # runs of damaged entries named in one message; the others follow when these are mended
AUDIT_EXCHANGES_MAX: Final = 64  # for one segment in one round; a file with more damage goes on in the next round
AUDIT_REPLY_TIMEOUT_MS: Final = 5_000  # no answer to a digest for so long: ask again
AUDIT_TRIES_MAX: Final = 3  # then the segment waits for the next round
BUSINESS_DAYS_MAX: Final = 31  # compared at once; the newest
CURRENCIES_MAX: Final = 16  # of one business day; a store takes two or three
DAY_TOTALS_INTERVAL_MS: Final = 300_000  # between two comparisons of the business days, when orders came meanwhile

# --- the centre ------------------------------------------------------------------------------------------------------
GRANT_LATENCY_MS_TARGET: Final = 1_500  # what nine of ten pushes may wait for their COMMIT: less than RESEND_AFTER_MS
GRANT_LOOK_INTERVAL_MS: Final = 1_000  # between two changes of the rate; an edge feels one within so much
GRANT_SAMPLES_MAX: Final = 64  # batches that are looked at; some ten a second
GRANT_RATE_DEFAULT: Final = 20_000  # entries/s before anything was measured: what two cores commit (bench)
GRANT_RATE_MAX: Final = 200_000  # beyond what one PostgreSQL takes
GRANT_INCREASE_PER_S: Final = 1_000  # a twentieth of the default a second: twenty seconds to recover
GRANT_DECREASE_PERCENT: Final = 70  # of what was committed, when it took too long
GRANT_CHANGE_PERCENT: Final = 20  # a change of a share that is worth a message
GRANT_BACKLOG_ENTRIES: Final = 1_024  # two pushes; a store that sends what it sells never has so much
GRANT_PUSHES_IN_FLIGHT_MAX: Final = 64  # of all nodes with a backlog together: the inbox holds 160 full ones
GRANT_START_STEP_MS: Final = 10  # each node that greets with a backlog spreads the beginnings by so much
GRANT_START_AFTER_MS_MAX: Final = 60_000  # the latest beginning: 6,000 nodes at once
GRANT_TTL_MS: Final = 120_000  # a node that heard nothing for so long falls back to its trickle
GRANT_RENEW_AFTER_MS: Final = 40_000  # three heartbeats in which to renew it may be lost
GRANT_NODES_MAX: Final = 20_000  # nodes whose grant a process remembers, 1 KB each; those unheard longest are forgotten
MQTT_ROOM_TIMEOUT_MS: Final = 5_000  # a broker that acks nothing for so long is left; edges ask again for what was lost
INGEST_WAITING_BYTES_MAX: Final = 32 * 1024 * 1024  # of pushes read and waiting, beside their count
EARLY_ROWS_PER_STREAM_MAX: Final = 256  # provisional entries kept of a stream; older ones wait for their turn
EARLY_INBOX_MAX: Final = 500  # more messages waiting: early ones are dropped, for the truth needs the room
EARLY_SETTLE_INTERVAL_MS: Final = 1_000  # between two looks for provisional entries that the stream has reached
EARLY_IDLE_INTERVAL_MS: Final = 60_000  # the same where there are none: another process may have left some
EARLY_SETTLE_ROWS_MAX: Final = 2_048  # of them at once
INGEST_INBOX_MAX: Final = 10_000  # the centre's MQTT_INBOX_MAX: 5,000 nodes greet and report while a transaction waits
INGEST_READS_MAX: Final = 64  # short messages read in one turn, some 3 ms; the socket brings up to a hundred at once
INGEST_READ_ENTRIES: Final = 32  # of a push read in one turn, 1 ms: a transaction has ten short waits for the server
INGEST_WORKS_MAX: Final = 1_024  # messages of any kind but hellos in one batch
INGEST_HELLOS_MAX: Final = 64  # hellos with one batch: answered in some 50 ms, for which a fresh order waits
INGEST_HELLOS_WAITING_MAX: Final = 20_000  # 10 MB; those beyond are said again by their edges
INGEST_ASKS_MAX: Final = 4  # digests and recalls with one batch: each reads a segment, for which a fresh order waits
INGEST_ASKS_WAITING_MAX: Final = 1_024  # digests and recalls; the oldest go, and their edges send them again
INGEST_ASKS_BYTES_MAX: Final = 8 * 1024 * 1024  # of what such digests supply
INGEST_PUSHES_MAX: Final = 64  # pushes in one transaction
INGEST_PROMPT_ENTRIES_MAX: Final = 64  # a longer push is a backlog's: it waits for those of what stores sell now
INGEST_BATCH_MS_TARGET: Final = 600  # a transaction: a fresh order, which has 2 s, waits for two
INGEST_ENTRIES_MAX: Final = 4_096  # entries in one transaction: a fifth cheaper than 2,048 (docs/adr/0011), some 300 ms
LEASE_TTL_MS: Final = 10_000  # a dead ingester's shards are taken over after this
LEASE_RENEW_INTERVAL_MS: Final = 3_000  # three chances to renew within the time to live
PLACES_CACHED_MAX: Final = (
    16_384  # stock positions known to fit their columns, and sales of them: a large assortment, 10 MB
)
COPY_CHUNK_ROWS: Final = 128  # some 130 KB, a socket's worth: the server inserts them while the next are encoded
DATABASE_POOL_MAX: Final = 8  # connections of one process
DATABASE_TIMEOUT_MS: Final = 30_000  # one statement
DATABASE_PING_TIMEOUT_MS: Final = 2_000  # /readyz and the watchdog must know soon, even of a server that hangs
DATABASE_START_TIMEOUT_MS: Final = 60_000  # a database that starts with us; later systemd starts us again
DATABASE_RETRY_DELAY_MS: Final = 100  # first full-jitter bound after the database was away
DATABASE_RETRY_DELAY_MS_MAX: Final = 2_000  # the largest; edges see only late acks meanwhile
BROKER_CONNECT_DELAY_MS_MAX: Final = 2_000  # of the centre: one client, for which thousands of nodes wait
NODE_OFFLINE_AFTER_MS: Final = 15_000  # three heartbeats
REPLACED_SILENT_MS: Final = (
    120_000  # twice the longest backoff: who is silent for so long, while others are heard, is off
)
NODE_LAGGING_AFTER_MS: Final = 10_000  # an entry that waited longer is worth a look
ENROLMENT_BODY_BYTES_MAX: Final = 4 * 1024  # a node id and an incarnation
TICKET_HOURS_DEFAULT: Final = 24  # from the order of a server to its first start is a day
TICKET_HOURS_MAX: Final = 24 * 30  # a ticket that lies around for months is a password
TICKET_CHARS_MAX: Final = 128  # one has 46
ENROLMENT_PATIENCE_MS: Final = 60_000  # `edge-agent enrol` tries again for so long while the centre is away
PARKED_PAYLOAD_BYTES_MAX: Final = 64 * 1024  # what is kept of a message that could not be used
LOSS_ROWS_PER_NODE_MAX: Final = 256  # ranges that neither end has; a node names the stream, so it could invent them
PARKED_ROWS_PER_NODE_MAX: Final = 1_000  # further foreign messages of one topic are counted only
DOWNLINK_NODES_MAX: Final = 1_000  # nodes that one process sends instructions to at the same time; the others wait
DOWNLINK_POLL_INTERVAL_MS: Final = 1_000  # between two looks for instructions, though nobody announced any
BACKUP_PROGRESS_INTERVAL_MS: Final = 500  # a terminal shows how a backup grows
BACKUP_READ_BYTES: Final = 1024 * 1024  # of a backup in memory at once, while it is hashed
BACKUP_MARK_MARGIN_MS: Final = 60_000  # twice DATABASE_TIMEOUT_MS: what began to come so long ago has committed
VERIFY_PAGE_ROWS: Final = 1_000  # entries in memory at once while a chain is walked
SESSION_TTL_MS: Final = 12 * 3_600_000  # of a page: one shift; then it asks for the token again
SESSIONS_MAX: Final = 1_000  # open pages of one process, with the forgotten ones
FEED_RETENTION_MS: Final = 7 * 86_400_000  # a page that was away for longer loads anew; an order is never only there
FEED_PRUNE_ROWS_MAX: Final = 5_000  # in one transaction: some 20 ms, which nobody waits for
FEED_PRUNE_INTERVAL_MS: Final = 60_000  # between two looks; a row is a push, so a busy fleet adds a few thousand
INGEST_STALL_MS_MAX: Final = 60_000  # a batch that takes longer, though the database answers, will not end by itself
FEED_PAGE_ROWS_MAX: Final = 500  # entries read at once for live viewers
SSE_CLIENTS_MAX: Final = 200  # open live pages of one process
SSE_QUEUE_MAX: Final = 2_000  # events waiting for one viewer; a slower one is cut off and resumes by its last id
SSE_STALL_MS: Final = 1_000  # the others wait so long for a viewer without room, once
FEED_SETTLE_INTERVAL_MS: Final = 10  # before looking again for entries that an open transaction holds up
SSE_RETRY_MS: Final = 1_000  # a page that lost its stream comes back after this
SSE_PING_INTERVAL_MS: Final = 15_000  # keeps proxies from closing a quiet stream

# --- stock that is shared (docs/stock.md) ----------------------------------------------------------------------------
RIGHTS_MILLI_MAX: Final = 10**15  # ever minted of one SKU by one life: every JSON reader takes it, sums stay in 63 bits
RIGHTS_ROWS_MAX: Final = 1_024  # lives of nodes that share one SKU: a hundred stores, each replaced ten times
SALE_RATE_WINDOW_MS: Final = 7 * 86_400_000  # a week has all its days in it; older sales fade
QUOTA_WEIGHT_MAX: Final = 1_000  # of one channel; per mille are fine enough for a plan that people write
QUOTA_CHANNELS_MAX: Final = 5  # there are five
QUOTA_RATE_MS_MIN: Final = 86_400_000  # a rate is looked at once a day was watched: morning and evening differ
RIGHTS_LOOK_INTERVAL_MS: Final = 10_000  # between two looks of the centre for rights to be moved or settled
RIGHTS_REBALANCE_MS_DEFAULT: Final = 600_000  # between two looks at one SKU: some sales must have come in between
RIGHTS_BOOKS_PER_LOOK: Final = 256  # SKUs that are seen to in one look, each in a transaction of some 5 ms
RIGHTS_MOVE_PATIENCE_MS: Final = 3_600_000  # a move that nobody has answered for so long holds the next one up no more
RIGHTS_MOVES_KEPT: Final = 10_000  # of what was moved and why; older ones are in the nodes' logs
RIGHTS_LAST_WORD_INTERVAL_MS: Final = (
    5_000  # between two looks of a node whether it was replaced and still holds rights
)
REBALANCE_TOLERANCE_PERCENT: Final = 25  # short of one's share by less: not worth a message, and tomorrow it may turn
RESERVATION_TTL_MS_DEFAULT: Final = 15 * 60_000  # a basket on its way through a checkout
HOLDS_LOOK_INTERVAL_MS: Final = 5_000  # between two looks for holds that ran out: some seconds in fifteen minutes
HOLDS_PER_LOOK: Final = 256  # ended in one look; more are left for the next
RESERVATION_TTL_MS_MAX: Final = 86_400_000  # of a soft one with its extensions: by then it is an order or not
COUNT_LINES_MAX: Final = 500  # of one cycle count: what somebody counts in half a day
COUNT_TOLERANCE_PERCENT_DEFAULT: Final = 5  # a difference that is posted without a second look

# --- reference data (docs/reference.md) ------------------------------------------------------------------------------
REFERENCE_ROWS_MAX: Final = 500_000  # of a dataset: the assortment of a large department store
REFERENCE_BODY_BYTES_MAX: Final = 128 * 1024 * 1024  # of what is published at once: so many rows of 256 bytes
REFERENCE_BODY_TIMEOUT_MS: Final = 120_000  # to receive it at the centre
REFERENCE_MISTAKES_MAX: Final = 20  # of a file that are named; the others are counted
REFERENCE_VERSIONS_MAX: Final = 8  # kept of a dataset: a store that was away for a week of daily prices gets a delta
REFERENCE_SCOPES_MAX: Final = 65  # of a dataset: for all, and 64 price zones; each keeps its own versions
REFERENCE_GROUP_NODES_MAX: Final = 10_000  # of one group: twice the largest fleet that is measured
REFERENCE_DELTA_CHANGES_MAX: Final = 2_000  # applied in one transaction, a till waits 20 ms; beyond, a snapshot
REFERENCE_BLOCK_BYTES: Final = 16 * 1024  # of rows, taken in one transaction of the edge: some 150 rows, 2 ms
REFERENCE_BLOCK_BYTES_MAX: Final = (
    256 * 1024
)  # that a reader takes, before and after unpacking: the largest row and more
REFERENCE_PIECE_BYTES: Final = 256 * 1024  # of a file in the centre's memory at once, for each download
REFERENCE_DATASETS_MAX: Final = 16  # named in one message; there are fourteen at most
REFERENCE_STEP_PAUSE_MS: Final = 10  # between two steps at the edge: tills come first
REFERENCE_SWEEP_ROWS: Final = 256  # of a former version that are deleted in one step
REFERENCE_CHECK_ROWS: Final = 1_000  # read at once while the hash of a dataset is computed: a few milliseconds
REFERENCE_SPREAD_MS: Final = 10  # for each node that a process of the centre knows: 5,000 begin within 50 s
REFERENCE_SPREAD_MS_MAX: Final = 120_000  # and none later
REFERENCE_RETRY_MS: Final = 1_000  # first full-jitter bound after a download that was cut or refused
REFERENCE_RETRY_MS_MAX: Final = 300_000  # the largest; another version begins anew
REFERENCE_FREE_BYTES_MIN: Final = 128 * 1024 * 1024  # of the disk, for a download to begin: orders need it more
REFERENCE_READ_TIMEOUT_MS: Final = 15_000  # for the next bytes of a download; then it is cut, and goes on later


# --- orders that the centre assigns (docs/assignment.md) -------------------------------------------------------------
ASSIGNMENT_ACCEPT_MS_DEFAULT: Final = 15 * 60_000  # a store's people look at new orders a few times an hour
ASSIGNMENT_ACCEPT_MS_MAX: Final = 7 * 86_400_000  # longer is not waiting but forgetting
ASSIGNMENT_ATTEMPTS_MAX: Final = (
    5  # nodes tried by themselves: then something is wrong with the order, or with the stock
)
ASSIGNMENT_REST_SILENT_MS: Final = 10 * 60_000  # a node that did not answer: most that are away are back by then
ASSIGNMENT_REST_MISSING_MS: Final = 30 * 60_000  # goods that were not there: unless its stock shows more before that
ASSIGNMENT_REST_REJECTED_MS: Final = (
    4 * 3_600_000
)  # people who said no: half a day at a shop, and then it is another shift
ASSIGNMENT_AGAIN_INTERVAL_MS: Final = (
    60_000  # between two looks for an order that waits for people: rests end by minutes
)
ASSIGNMENT_AGAIN_MS_MAX: Final = 86_400_000  # such an order is looked for no longer: who was asked has long rested
ASSIGNMENT_RETRY_INTERVAL_MS: Final = 10_000  # between two looks for a node while none can be asked
ASSIGNMENT_SEARCH_MS_MAX: Final = 30 * 60_000  # nobody could be asked for so long: people look; stores are back by then
ASSIGNMENT_RESTORE_GRACE_MS: Final = (
    120_000  # of a centre put back: twice the longest backoff, then all have been heard
)
ASSIGNMENT_LOOK_INTERVAL_MS: Final = 1_000  # between two looks for what is due, though nobody announced anything
ASSIGNMENT_STEPS_MAX: Final = 64  # orders seen to in one such look, each in a transaction of its own
ASSIGNMENT_DIVISIONS_MAX: Final = 3  # times that what is left of an order is divided anew: then it is in single parcels
ASSIGNMENT_SUPPLIES_MAX: Final = 3_000  # kinds of goods at places in one question: 100 KiB, so that it can be recorded
ASSIGNMENT_CANDIDATES_MAX: Final = 1_000  # nodes that are compared for one order: those with most of its goods in view

# --- orders of other channels (docs/channels.md) ---------------------------------------------------------------------
CHANNEL_DOCUMENT_BYTES_MAX: Final = 256 * 1024  # a mapping; those that ship have 6 KiB
CHANNEL_EXPRESSION_CHARS_MAX: Final = 500  # a longer one is a program, and nobody would read it
CHANNEL_BODY_BYTES_MAX: Final = 4 * 1024 * 1024  # a web order of 500 lines with all that shops put beside them
CHANNEL_ORDERS_MAX: Final = 5_000  # of one file: a day of a busy web shop
CHANNEL_STEPS_MAX: Final = 250_000  # of one order's expressions, a second or two; one of 500 lines takes 23,000
CHANNEL_STEP_WEIGHT: Final = 64  # parts and characters of a value that count as a step: looking at them takes as long
CHANNEL_EXPRESSION_DEPTH_MAX: Final = 50  # in one another; those that ship have 9, the interpreter has room for 300
CHANNEL_INTEGER_MAX: Final = 2**63 - 1  # no amount is larger, and larger ones take longer and longer
CHANNEL_SENT_BYTES_MAX: Final = 1024 * 1024  # by HTTP at once; what is larger is a file, for the command line
CHANNEL_ORDERS_SENT_MAX: Final = 100  # in one request: each is a transaction, some 3 ms
CHANNEL_DETAIL_CHARS_MAX: Final = 1_200  # of why an order was refused: the longest expression, and as much beside it
CHANNEL_KEY_CHARS_MAX: Final = IDEMPOTENCY_KEY_CHARS_MAX  # of a channel's name for an order, with its own before it
CHANNEL_SECRET_CHARS_MIN: Final = 16  # a shorter one can be guessed; those that shops make have 32 and more
CHANNEL_SECRET_CHARS_MAX: Final = 256  # of a shop's signature: four times what shops make
CHANNEL_REFUSALS_MAX: Final = 1_000  # kept of one channel: nobody reads more, and a wrong mapping refuses everything
CHANNEL_COLUMNS_MAX: Final = 200  # of a file of rows; the widest export of a shop has some 80

# --- reference data and the checks (docs/checks.md) -------------------------------------------------------------------
OFFERS_PER_SKU_MAX: Final = 64  # three currencies, five tiers, the present price, the next and the last ones
PROMOTIONS_MAX: Final = 2_000  # held in memory at once; a large chain has some hundred at a time
PROMOTION_SKUS_MAX: Final = 1_000  # of one promotion; one for more goods is for all of them or is several
PROMOTION_TIERS_MAX: Final = 10  # of a volume discount: a price tag prints three
COMPLIANCE_REGIONS_MAX: Final = 300  # places where one item may not go: every country
COMPLIANCE_AGE_YEARS_MAX: Final = 150  # nobody is older
LICENSES_MAX: Final = 32  # of one customer; a chemist has three
HOLD_LEVELS_MAX: Final = 5  # rungs of the ladder; there are three owners
RULE_PERCENT_MAX: Final = 100_000  # a rise by a thousand times is no threshold any more
RULE_BARS_MAX: Final = (
    200  # a law for each trait, mode and region that has one; with those of 500 lines below ROUTING_BARS_MAX
)
RULE_COUNT_MAX: Final = 10_000  # orders or edits in a window: more is no threshold any more
DUPLICATE_WINDOW_MS_DEFAULT: Final = 10_000  # nobody is served, and has paid, within so much: one tap too many
DUPLICATE_WINDOW_MS_MAX: Final = 60_000  # two customers a minute apart may want the same; baskets are kept so long
ADDRESS_EDITS_MAX_DEFAULT: Final = 3  # by one person, or of one order, within an hour: nobody mistypes a fourth
ADDRESS_EDITS_WINDOW_MS_MAX: Final = 86_400_000  # edits are kept for so long: a shift and the night after it
BASKETS_FORGOTTEN_PER_BATCH: Final = 512  # four times what a batch adds, so that they never pile up
CREDIT_OVERLAP_MS: Final = 3_600_000  # orders so long before the customers' data was made may not be in it: they count
CUSTOMER_DAY_MS: Final = 3 * 86_400_000  # orders of one business date are placed within so much, wherever the store is
REFERENCE_ROW_BYTES_MAX: Final = 128 * 1024  # a promotion for a thousand items named with 64 characters has 70 KB

# --- routing (docs/routing.md) ----------------------------------------------------------------------------------------
ROUTING_COST_MILLI_MAX: Final = 10**11  # one price, whatever it is of: a million of a currency with cents
ROUTING_PART_MILLI_MAX: Final = 10**15  # a price times what it is of; ten parts of each of 500 lines stay below 2^63
ROUTING_DEARER_MILLI_MAX: Final = 2**45  # than the cheapest: more is not compared; a dozen such sums fit into a lane
PARCEL_WEIGHT_G_MAX: Final = 10**9  # a thousand tonnes: no parcel, but a row of a freight table may say so
ROUTING_PLACES_MAX: Final = 64  # that one order is weighed against: the nearest; twice what the budget names
ROUTING_SERVICES_MAX: Final = 16  # carriers' services from one place
ROUTING_OPTIONS_BITS: Final = 12  # 64 x 16 services and 500 lines on backorder fit into the order of preference
ROUTING_LINES_EXACT_MAX: Final = 10  # 3^9 / 2 ways to divide them: some milliseconds; beyond that lines go in groups
ROUTING_BRANCHES_MAX: Final = 64  # searches again because two parcels took the same goods; each costs as the first one
ROUTING_TURNS_MAX: Final = 8  # searches for more lines than an exact one takes: each has eight or so of them alone
ROUTING_BARS_MAX: Final = 1_000  # six traits, six modes and the regions that a law names
ROUTING_CARBON_MG_MAX: Final = 100_000_000  # 100 kg for a tonne-kilometre: a hundred times a light aircraft
ROUTING_DISTANCE_M_MAX: Final = 20_100_000  # half of the Earth's circumference
ROUTING_EXPIRY_DAYS_MAX: Final = 3_650  # ten years: what keeps for longer is sold for other reasons
ROUTING_EXTRAS_MAX: Final = 8  # things done besides bringing the goods: install, take back, unpack
ROUTING_PARCELS_MAX: Final = 10  # each line of an exact search on its own
ROUTING_CHANGES_MAX: Final = 10  # refused places that are tried again for an explanation; each costs a decision or four
ROUTING_LACKS_MAX: Final = 4  # so many things at once are no small change any more
ROUTING_ATTEMPTS_MAX: Final = 5  # of a group: then something is wrong with it, and a person decides
ROUTING_COOL_DOWN_MS: Final = 2 * 3_600_000  # who has failed is not asked again: by then shelves and vans are filled
ROUTING_QUESTION_BYTES_MAX: Final = 128 * 1024  # in the log: a quarter of an entry; 64 places have 30 KiB
TARIFF_BANDS_MAX: Final = 200  # of one zone; the freight tables seen have up to 152
NETWORK_ROWS_MAX: Final = (
    20_000  # of a dataset that the centre keeps in memory: as many tariffs of ten bands have 30 MB
)
CARRIER_CELL_CHARS_MAX: Final = 40  # of a number in a carrier's table; a float has 24
LOCATION_HOURS_MAX: Final = 28  # four stretches on each day of the week
CALENDAR_DATES_MAX: Final = 200  # closed dates of a place or a carrier: the public holidays of several years
CALENDAR_DAYS_MAX: Final = 62  # that are looked through for a departure: closed for longer is closed
SERVICE_CUT_OFFS_MAX: Final = 24  # of one day: a courier that calls every hour
SERVICE_ZONES_MAX: Final = 200  # of one service: carriers have up to ten, or one for each country
SERVICE_SPAN_MS_MAX: Final = 366 * 86_400_000  # on the way, to prepare, or to wait for a supplier: a year
ZONE_AREAS_MAX: Final = 300  # every country, or every region of a large one
ROUTING_SOURCES_MAX: Final = 32  # of what a question is made of: one for each dataset
RULE_SENTENCE_CHARS_MAX: Final = 500  # a rule of a sentence: the longest that was written in trials has 140
RULE_SENTENCES_MAX: Final = 100  # of one table, said at once: each is read and told in some milliseconds
RULE_NAMES_MAX: Final = (
    500  # tiers, regions or channels that a chain names itself: with four ways each, a grammar of a second
)
RULE_WAYS_MAX: Final = 4  # to say one name

# --- policies (docs/policies.md) --------------------------------------------------------------------------------------
POLICIES_MAX: Final = 64  # of one bundle: three times what an agent is measured with
POLICY_GRAPH_BYTES_MAX: Final = 96 * 1024  # of one graph: 500 rows of six cells; fits into a row of reference data
POLICY_BUNDLE_BYTES_MAX: Final = 2 * 1024 * 1024  # of all of them: read at once by the store, and by its sandbox
POLICY_NODES_MAX: Final = 32  # of one graph; what is larger is several policies
POLICY_ROWS_MAX: Final = 500  # of one table: tried one by one, they take a quarter of a millisecond
POLICY_COLUMNS_MAX: Final = 32  # of one table: every fact beside a few prices
POLICY_CELL_CHARS_MAX: Final = 500  # a list of thirty regions; parsed in a millisecond
POLICY_CELL_DEPTH_MAX: Final = 40  # parts of a cell within one another: nobody reads more, and no stack runs out
POLICY_LAYERS_MAX: Final = 12  # policies that one order is asked of, each some 25 us
POLICY_EXPERIMENTS_MAX: Final = 8  # at once: more would share out too few orders to each
POLICY_EXPERIMENT_CHARS_MAX: Final = 32  # of a name, so that it stands in a stamp with release and hash
POLICY_SCOPES_MAX: Final = 64  # regions and stores that an experiment names; the others belong to a region
POLICY_FINDINGS_MAX: Final = 100  # of a lint that are named; the others are counted
POLICY_FINDINGS_TOLD_MAX: Final = 5  # of those that a store tells: the centre, which linted it before, names them all
POLICY_SAMPLES_MAX: Final = 2_000  # orders that a policy is tried on: a table of 500 rows takes half a second
POLICY_TRIAL_CPU_S: Final = 10  # of the processor for a trial: 64 policies of ordinary size take one
POLICY_TRIAL_WALL_MS: Final = 60_000  # of time, on a store's server that is busy with other things
POLICY_TRIAL_MEMORY_BYTES: Final = 512 * 1024 * 1024  # of address space; it takes some 80 MB
POLICY_TRIAL_AGAIN_MS: Final = 3_600_000  # until a trial that came to no answer is repeated: it costs ten seconds
POLICY_TRIAL_ANSWER_BYTES_MAX: Final = 64 * 1024  # of what a trial says: a few findings
POLICY_DESCRIPTION_CHARS_MAX: Final = 1_000  # of what a policy is for, in a few sentences
POLICY_BUCKETS: Final = 100  # shares are per cent
POLICY_KEYS_MAX: Final = 8  # trusted at once: the present one, the next, and some of before
POLICY_KEYS_BYTES_MAX: Final = 8 * 1024  # of a file of keys, with remarks

# --- the embedded broker and database (demo, tests, small installations) ---------------------------------------------
EMBEDDED_START_TIMEOUT_MS: Final = 30_000  # a first start makes the files: 1 s, 10 s on a slow disk
EMBEDDED_STOP_TIMEOUT_MS: Final = 10_000  # PostgreSQL writes a checkpoint; killed after this, which it survives too
EMBEDDED_POLL_INTERVAL_MS: Final = 20  # between two looks at a starting server
EMBEDDED_LOG_BYTES_MAX: Final = 1024 * 1024  # of the embedded broker's log, kept twice
POLICY_ORDERS_MIN: Final = 50  # in each group before figures are compared: the normal quantile is good from there on
POLICY_ID_CHARS_MAX: Final = 24  # of a policy; with its revision it stands in a stamp (POLICY_EXPERIMENT_CHARS_MAX)
POLICY_OUTCOME_DAYS: Final = 90  # for which outcomes of orders are kept at the centre: a quarter, of 200 bytes each
POLICY_LOOK_INTERVAL_MS: Final = (
    5_000  # between two looks at what is compared: a guard has thousands of orders to judge by
)
POLICY_SHADOWS_PER_LOOK: Final = 200  # orders tried by one shadow at a look: 40 a second, some 5 ms each
POLICY_TRIAL_ORDERS_MAX: Final = 10_000  # recorded orders that a draft is tried on at most: a minute or two
POLICY_TRIAL_ORDERS_DEFAULT: Final = 1_000  # enough to see a per cent of cost
POLICY_NOTE_CHARS_MAX: Final = 500  # why somebody drafts a policy or takes it back
POLICY_SIGNALS_MAX: Final = 200  # at once, those that are over not counted: more alarms than a storm has regions
POLICY_GUARDS_MAX: Final = 5  # of one comparison: one for each figure
SIGNAL_MS_MAX: Final = 31 * 86_400_000  # what lasts longer than a month is no alarm: it belongs into a policy
POLICY_TRIAL_STEP_ORDERS: Final = 20  # between two words of how far a trial is: a tenth of a second
