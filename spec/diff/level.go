package diff

// Level says how much a change matters to a receiver.
type Level string

// The levels, from the worst to the most harmless. With the receiver built from OLD and the sender working by NEW:
const (
	// a body can come that the receiver refuses, a value that it cannot hold, or an event stays away for good
	Breaking Level = "breaking"
	// nothing is refused, but something comes that the receiver does not read, or goes unnoticed; or nobody can tell
	Risky Level = "risky"
	Safe  Level = "safe" // whatever comes, the receiver takes it as before
)

func (l Level) rank() int {
	switch l {
	case Breaking:
		return 2
	case Risky:
		return 1
	default:
		return 0
	}
}

// AtLeast reports whether the level is as bad as the other, or worse.
func (l Level) AtLeast(other Level) bool { return l.rank() >= other.rank() }

// effect is what a change does to the set of bodies that can come.
type effect uint8

const (
	widens  effect = iota // more can come, or something else
	narrows               // less can come (or of the same, more is said: a member that is described)
	silent                // nothing changes but words
)

// Rule is one kind of change: its stable id, its one level, and what it means for the receiver.
type Rule struct {
	ID     string
	Level  Level
	Means  string // the sentence, with verbs of package fmt for the names and values concerned
	effect effect
}

// Rules is the whole list of what Compare can report (rules.md has it as a table); nothing else decides a level. A
// const counts as an enum of one value. Below the unevaluated keywords nobody can tell which way a change goes: what is
// found there is schema-changed. Below oneOf too, because a body that fitted two alternatives was refused: a narrowing
// there is one-of-narrowed.
func Rules() []Rule { return append([]Rule(nil), rules...) }

var rules = []Rule{
	// The document
	{"openapi-version-changed", Risky, "The document goes from OpenAPI %s to %s, where some keywords mean something else.",
		widens},
	{"document-changed", Risky, "The document's %s changed, and this comparison does not know what that means for " +
		"the bodies.", widens},

	// The event
	{"event-removed", Breaking, "The event comes no more, so the values that it brought are never updated again.", widens},
	{"event-added", Risky, "The receiver does not know this event: it answers 404 and keeps each delivery in quarantine " +
		"until the code is regenerated " +
		"and the quarantine redriven, so regenerate first.", widens},
	{"method-changed", Breaking, "The event comes by %s and no longer by POST, the only method that the receiver serves.",
		widens},
	{"method-added", Breaking, "The event may also come by %s, and the receiver serves POST only.", widens},
	{"post-removed", Breaking, "The event no longer comes by %s, the only method that the receiver serves.", widens},
	{"post-added", Risky, "The event may now come by %s, and the receiver has no code for it until it is regenerated.",
		widens},
	{"method-removed", Safe, "The event no longer comes by %s, which the receiver does not serve.", narrows},
	{"operation-id-changed", Safe, "Only a name changed; after regeneration the method of the strict interface has " +
		"another name.", silent},
	{"operation-changed", Risky, "The operation's %s changed, and this comparison does not know what that means for a " +
		"delivery.", widens},
	{"parameter-changed", Risky, "The parameter %s changed; the receiver reads bodies, and only signature headers " +
		"beside them.", widens},
	{"response-changed", Safe, "The response is what the receiver sends, not what it gets; the sender looks at the " +
		"status alone.", silent},

	// The body
	{"body-removed", Breaking, "The event comes without a body, and the receiver refuses a delivery that has none.",
		widens},
	{"body-added", Risky, "The event comes with a body that the receiver does not read.", widens},
	{"body-became-optional", Breaking, "The body may be missing, and the receiver refuses a delivery without one.",
		widens},
	{"body-became-required", Safe, "The body always comes.", narrows},
	{"media-type-added", Breaking, "The body may come as %s, and the receiver takes every body for JSON of the old form.",
		widens},
	{"media-type-removed", Safe, "The body never comes as %s any more.", narrows},
	{"json-body-removed", Breaking, "The body no longer comes as application/json, the only form that the receiver reads.",
		widens},
	{"schema-removed", Breaking, "Anything may stand here now.", widens},
	{"schema-added", Safe, "What may stand here was open, and now has a schema.", narrows},

	// Members
	{"required-member-removed", Breaking, "The receiver demands %s, and it comes no more.", widens},
	{"member-became-optional", Breaking, "The receiver demands %s, and it may be missing.", widens},
	{"member-undescribed", Breaking, "%s still comes, but the document no longer says as what: anything may stand there.",
		widens},
	{"added-member-refused", Breaking, "%s is new, and what it may hold is refused by the old rule for members without " +
		"a name of their own.", widens},
	{"optional-member-removed", Risky, "%s comes no more; an absent member changes nothing, so its value stays what it " +
		"is for ever.", widens},
	{"member-added-to-closed-object", Risky, "%s is new in an object that had been declared complete: it is accepted " +
		"and kept as drift, " +
		"but not read until the code is regenerated.", widens},
	{"optional-member-added", Safe, "%s may come in addition: it is accepted and reported as drift until the code is " +
		"regenerated.", narrows},
	{"required-member-added", Safe, "%s always comes in addition: it is accepted and reported as drift until the code " +
		"is regenerated.", narrows},
	{"member-became-required", Safe, "%s always comes, and the receiver takes it as before.", narrows},
	{"member-described", Safe, "%s was required without a schema, and now has one.", narrows},
	{"additional-members-widened", Breaking, "Members without a name of their own may hold anything now, and the " +
		"receiver keeps to the old rule.", widens},
	{"additional-members-opened", Risky, "Members that the document does not name may come: each is accepted and " +
		"reported as drift.", widens},
	{"additional-members-narrowed", Safe, "Members that the document does not name now have a schema.", narrows},
	{"additional-members-closed", Safe, "No member comes that the document does not name.", narrows},

	// Values
	{"type-changed", Breaking, "A value comes as %s, and the receiver takes %s only.", widens},
	{"type-widened", Breaking, "A value may come as %s, and the receiver takes %s only.", widens},
	{"nullable-added", Breaking, "A value may be null, and the receiver refuses null here.", widens},
	{"type-narrowed", Safe, "A value comes as %s only, where the receiver takes %s.", narrows},
	{"nullable-removed", Safe, "A value is never null any more.", narrows},
	{"format-changed", Breaking, "A value comes in the format %s, and the receiver takes %s.", widens},
	{"format-widened", Breaking, "A value may need the format %s, and the receiver holds %s only.", widens},
	{"format-removed", Breaking, "A value need not have the format %s any more, and the receiver counts on it.", widens},
	{"format-narrowed", Safe, "A value fits the format %s, and the receiver holds %s.", narrows},
	{"format-added", Safe, "A value always has the format %s; after regeneration its Go type can be another.", narrows},
	{"enum-value-added", Breaking, "The value %s may come, and the receiver refuses it.", widens},
	{"enum-removed", Breaking, "Values outside the old list may come, and the receiver refuses them.", widens},
	{"enum-value-removed", Safe, "The value %s never comes any more.", narrows},
	{"enum-added", Safe, "Only listed values come, where the receiver takes any.", narrows},
	{"bound-loosened", Breaking, "%s goes from %s to %s, and the receiver refuses what lies beyond the old bound.",
		widens},
	{"bound-removed", Breaking, "%s was %s and is gone, and the receiver refuses what lies beyond.", widens},
	{"bound-tightened", Safe, "%s goes from %s to %s, within what the receiver takes.", narrows},
	{"bound-added", Safe, "%s is %s, where the receiver has no bound.", narrows},
	{"pattern-changed", Breaking, "A value may come that the old pattern refuses.", widens},
	{"pattern-removed", Breaking, "A value may come that the old pattern refuses.", widens},
	{"pattern-added", Safe, "Values follow a pattern, where the receiver takes any.", narrows},
	{"unique-items-removed", Breaking, "An element may come twice, and the receiver refuses that.", widens},
	{"unique-items-added", Safe, "No element comes twice.", narrows},
	{"items-removed", Breaking, "An element may be anything, and the receiver holds elements to a schema.", widens},
	{"items-added", Safe, "Elements have a schema, where the receiver takes anything.", narrows},
	{"value-permitted", Breaking, "A value may come where the receiver refuses every value.", widens},
	{"value-forbidden", Safe, "No value comes here any more.", narrows},

	{"contains-removed", Breaking, "No element has to fit the schema of contains any more, and the receiver asks for one.",
		widens},
	{"contains-added", Safe, "The array holds elements that fit one more schema, which the receiver does not ask for.",
		narrows},
	{"contains-loosened", Breaking, "Fewer elements count towards maxContains, and the receiver refuses more than that.",
		widens},
	{"contains-tightened", Safe, "More elements count towards maxContains, within what the receiver takes.", narrows},

	// Names of members
	{"names-rule-removed", Breaking, "A member may have any name, and the receiver refuses names that break the old rule.",
		widens},
	{"names-rule-added", Safe, "Names of members follow a rule, where the receiver takes any.", narrows},
	{"pattern-members-freed", Breaking, "Members whose names follow %s may hold more than before, and the receiver " +
		"keeps to the old rule.", widens},
	{"pattern-members-ruled", Safe, "Members whose names follow %s hold less than the receiver takes.", narrows},

	// Conditions
	{"negation-removed", Breaking, "What not had kept out may come now, and the receiver refuses it.", widens},
	{"negation-added", Safe, "Something does not come any more, which the receiver takes.", narrows},
	{"negation-loosened", Breaking, "Less is kept out by not than before, and the receiver refuses the rest.", widens},
	{"negation-tightened", Safe, "More is kept out by not than before, within what the receiver takes.", narrows},
	{"condition-removed", Breaking, "What had to fit under a condition need not fit any more, and the receiver " +
		"holds to it.", widens},
	{"condition-added", Safe, "Something has to fit under a condition, which the receiver does not ask for.", narrows},
	{"condition-loosened", Breaking, "The condition is met less often, and the receiver still asks for what hangs on it.",
		widens},
	{"condition-tightened", Safe, "The condition is met more often, and what hangs on it with it.", narrows},
	{"consequence-removed", Breaking, "The schema under %s is gone, and the receiver still holds bodies to it.", widens},
	{"consequence-added", Safe, "A schema under %s has to fit, which the receiver does not ask for.", narrows},
	{"dependency-removed", Breaking, "The receiver demands %s where %s comes, and it may be missing.", widens},
	{"dependency-added", Safe, "%s always comes where %s comes, and the receiver takes it as before.", narrows},
	{"dependent-schema-removed", Breaking, "The schema that counts where %s comes is gone, and the receiver still holds " +
		"bodies to it.", widens},
	{"dependent-schema-added", Safe, "One more schema fits where %s comes, which the receiver does not ask for.", narrows},

	// Alternatives
	{"variant-added", Breaking, "A body may follow a new alternative, and the receiver refuses what fits none of the " +
		"old ones.", widens},
	{"variants-removed", Breaking, "The alternatives of %s are gone, and the receiver refuses what fits none of them.",
		widens},
	{"variant-removed", Safe, "One alternative never comes any more.", narrows},
	{"variants-added", Safe, "What comes follows one of the alternatives of %s, where the receiver takes any.", narrows},
	{"one-of-variant-removed", Risky, "One alternative is gone; what fitted it and another one was refused, and may " +
		"come now.", widens},
	{"one-of-narrowed", Risky, "An alternative of oneOf became narrower; what fitted it and another one was refused, " +
		"and may come now.", widens},
	{"one-of-loosened", Risky, "What fits two alternatives was refused, and may come now.", widens},
	{"one-of-required", Safe, "What comes fits one alternative only, and the receiver takes it as before.", narrows},
	{"conjunct-removed", Breaking, "One of the schemas that all had to fit is gone, and the receiver still holds " +
		"bodies to it.", widens},
	{"conjunct-added", Safe, "Bodies fit one more schema, which the receiver does not ask for.", narrows},

	// The rest
	{"body-refused", Breaking, "A body can come that the receiver refuses, for example %s.", widens},
	{"meaningless-added", Risky, "%s; if it was meant to ask for something, nobody can tell what comes.", widens},
	{"meaningless-removed", Safe, "What said nothing is gone: %s.", narrows},
	{"schema-changed", Risky, "%s changed, and this comparison cannot tell whether more can come than before.", widens},
	{"default-changed", Risky, "What it means that the value is absent changed from %s to %s, and an absent value looks " +
		"as before.", widens},
	{"deprecation-changed", Safe, "Nothing that comes changes, but deprecated goes from %s to %s: what is deprecated " +
		"may vanish.", silent},
	{"annotation-changed", Safe, "Only words for readers changed (%s); nothing that comes does.", silent},
}

// ruleByID is the table by id.
var ruleByID = func() map[string]Rule {
	byID := make(map[string]Rule, len(rules))
	for _, rule := range rules {
		byID[rule.ID] = rule
	}
	return byID
}()
