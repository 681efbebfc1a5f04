package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"shm-liveness-worker/liveness"
)

type session struct{ heartbeat *liveness.Heartbeat }

var errStopped = &liveness.Error{Code: "STOPPED", About: "no claim"}

func serve(in io.Reader, out io.Writer) {
	var s session
	for lines := bufio.NewScanner(in); lines.Scan(); {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		value, err := s.do(word, rest)
		var known *liveness.Error
		switch {
		case errors.As(err, &known):
			fmt.Fprintln(out, "error", known.Code, err)
		case err != nil:
			fmt.Fprintln(out, "error SYSTEM", err)
		default:
			fmt.Fprintln(out, strings.TrimRight("ok "+value, " "))
		}
	}
}

func nanoseconds(text string) time.Duration {
	count, _ := strconv.ParseInt(text, 10, 64)
	return time.Duration(count)
}

func (s *session) do(word, rest string) (string, error) {
	switch word {
	case "features":
		return "comeback last-words", nil
	case "claim":
		return "", s.claim(strings.Split(rest, " "))
	}
	if s.heartbeat == nil {
		return "", errStopped
	}
	switch word {
	case "beat":
		if !s.heartbeat.Beat() {
			return "", errStopped
		}
		return "", nil
	case "ready":
		return "", s.heartbeat.Ready()
	case "not-ready":
		return "", s.heartbeat.NotReady(rest)
	case "phase":
		budget, name, _ := strings.Cut(rest, " ")
		return "", s.heartbeat.BeginPhase(name, nanoseconds(budget))
	case "end-phase":
		return "", s.heartbeat.EndPhase()
	case "stop":
		s.heartbeat.Stop()
		return "", nil
	case "last-words":
		words, ok := s.heartbeat.LastWords()
		if !ok {
			return "none", nil
		}
		return fmt.Sprintf("%s %d %s", words.Ended, words.Beats, words.Phase), nil
	}
	return "", &liveness.Error{Code: "INVALID_OPTION", About: "request " + word}
}

func (s *session) claim(fields []string) error {
	if len(fields) != 4 {
		return &liveness.Error{Code: "INVALID_OPTION", About: "claim NAME MAX_AGE CYCLE_LIMIT CAPACITY"}
	}
	capacity, _ := strconv.Atoi(fields[3])
	heartbeat, err := liveness.Claim(liveness.Options{
		Name: fields[0], MaxAge: nanoseconds(fields[1]), CycleLimit: nanoseconds(fields[2]), Capacity: capacity,
	})
	if err == nil {
		s.heartbeat = heartbeat
	}
	return err
}
