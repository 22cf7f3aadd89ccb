package agentcorefake

// Source is where a fact about the service comes from.
type Source string

// The sources.
const (
	Model    Source = "model"         // the provider's public Smithy model
	Snapshot Source = "snapshot"      // request and response snapshots in the provider's own Go SDK
	Docs     Source = "documentation" // the provider's pages and SDK comments
	Measured Source = "measured"      // against the real service, by others, published
	Guess    Source = "guess"         // nobody has looked
)

// A Fact is something that the fake does because the service is said to.
type Fact struct {
	What   string
	Source Source
}

// Facts are all that the fake embodies beyond shapes and limits, which are the model's.
func Facts() []Fact {
	return []Fact{
		{"paths, members, lengths, ranges, patterns, status codes", Model},
		{"recordExpirySpecification, timestamp, expiresAt, namespaceKeys, JSON payloads, namespace of a record that is read or deleted", Snapshot},
		{"browsers, evaluators, datasets and what else nothing here makes: paths and members, and none of their limits; tags; policies of resources", Snapshot},
		{"a strategy is given recordExpirySpecification, and answers recordExpiryDurationDays", Snapshot},
		{"restJson1: times are seconds since 1970 with a fraction; an error's type is in X-Amzn-ErrorType", Snapshot},
		{"maxResults is 1 to 100; 101 is a ValidationException", Measured},
		{"ListEvents answers newest first", Measured},
		{"an event id is the time in milliseconds, 19 digits, # and eight hex digits", Measured},
		{"includePayloads=false leaves the key payload out, though the model requires it", Measured},
		{"a memory id that cannot be is a ValidationException, one that is not there a 404", Measured},
		{"an actor or session that is not there has no events, and is no error", Measured},
		{"CreateEvent without a session makes one", Measured},
		{"CreateEvent without a branch is on main", Measured},
		{"an event that is not there is a 404", Measured},
		{"the ids of memories, strategies, events and records are made by the service", Docs},
		{"a batch is at most 100 records, and can fail for some of them", Docs},
		{"a client token that was seen is not carried out again", Docs},
		{"expiry of records is at least 31 days", Docs},
		{"6 strategies a memory", Docs},
		{"in one session 5 CreateEvent a second with conversational payloads, 10 without, 20 ListEvents, 5 DeleteEvent", Docs},
		{"a record expires with its batch's recordExpirySpecification, or never; listings do not say when", Docs},
		{"a policy that names a gateway that is not in the account ends CREATE_FAILED; ManageResourceScopedPolicy, ManageAdminPolicy and InvokeGateway are wanted of who makes one", Docs},
		{"a policy engine that has policies is not deleted; policies and engines are made and deleted after the answer", Docs},
		{"the name of a policy is unique in the account; enforcementMode is ACTIVE unless it is said", Docs},
		{"a 429 carries Retry-After in whole seconds", Guess},
		{"the allowed rate holds for each operation by itself, with a burst of a quarter second; that of one session, with a burst of one second", Guess},
		{"a client token that was seen gets the first answer again", Guess},
		{"records are listed in the order in which they were made, some time after it", Guess},
		{"ListMemoryRecords with namespacePath / lists all", Guess},
		{"a record that was made without a strategy says none", Guess},
		{"the list without a branch filter has the events of all branches", Guess},
		{"a new branch needs an event of the session as its root, later events on it do not", Guess},
		{"actors are listed by name, sessions in the order in which they were made", Guess},
		{"an actor without sessions is not listed, nor a session without events", Guess},
		{"a custom strategy can be made without its configuration", Guess},
		{"a resource without a policy of its own is a 404 to GetResourcePolicy", Guess},
		{"two policy engines of one name are a ConflictException", Guess},
		{"episodic strategies answer their reflection in configuration", Guess},
		{"a memory is ACTIVE as soon as a policy is; two of one name are a ValidationException", Guess},
		{"a blob comes back with its bytes as they were sent", Guess},
		{"the default namespace is /strategies/{memoryStrategyId}/actors/{actorId}", Guess},
		{"old event times are taken, whatever the expiry", Guess},
	}
}

// Guesses are the facts that nobody has looked at.
func Guesses() []string {
	var out []string
	for _, f := range Facts() {
		if f.Source == Guess {
			out = append(out, f.What)
		}
	}
	return out
}
