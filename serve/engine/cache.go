package engine

import (
	"container/list"
	"context"
	"strings"
	"sync"

	"striate/internal/fault"
)

// Stats counts what the cache of sessions holds and did.
type Stats struct {
	Sessions  int   `json:"sessions"`
	Bytes     int64 `json:"bytes"` // estimated
	Made      int64 `json:"made"`
	Hits      int64 `json:"hits"`
	Evictions int64 `json:"evictions"`
}

// sessionCache keeps sessions by model digest and layer set. The least recently used idle ones go
// when the estimated memory exceeds the limit; sessions in use always stay.
type sessionCache struct {
	limit int64

	mu      sync.Mutex
	idle    sync.Cond
	entries map[string]*list.Element
	order   list.List // of *cacheEntry, most recently used first
	bytes   int64
	count   Stats
	closed  bool
}

type cacheEntry struct {
	key     string
	made    chan struct{} // closed when session or err is set
	session *session
	err     error
	users   int
}

func newSessionCache(limit int64) *sessionCache {
	c := &sessionCache{limit: limit, entries: map[string]*list.Element{}}
	c.idle.L = &c.mu
	return c
}

func sessionKey(digest string, layers []string) string {
	return digest + "\x00" + strings.Join(layers, "\x00")
}

// acquire returns the session of the key, made by make if there is none. Callers that come while it
// is being made wait for it.
func (c *sessionCache) acquire(ctx context.Context, key string, make func() (*session, error)) (*session, error) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, fault.Unavailablef("the engine is shutting down")
	}
	if at, ok := c.entries[key]; ok {
		e := at.Value.(*cacheEntry)
		e.users++
		c.count.Hits++
		c.order.MoveToFront(at)
		c.mu.Unlock()
		select {
		case <-e.made:
		case <-ctx.Done():
			c.leave(e)
			return nil, ctx.Err()
		}
		if e.err != nil {
			c.leave(e)
			return nil, e.err
		}
		return e.session, nil
	}
	e := &cacheEntry{key: key, made: newSignal(), users: 1}
	c.entries[key] = c.order.PushFront(e)
	c.count.Made++
	c.mu.Unlock()

	s, err := make()
	c.mu.Lock()
	e.session, e.err = s, err
	if err == nil {
		s.entry = e
		c.bytes += s.bytes
	}
	close(e.made)
	c.mu.Unlock()
	if err != nil {
		c.leave(e)
		return nil, err
	}
	c.trim()
	return s, nil
}

func newSignal() chan struct{} { return make(chan struct{}) }

// release gives a session back.
func (c *sessionCache) release(s *session) {
	c.leave(s.entry)
	c.trim()
}

func (c *sessionCache) leave(e *cacheEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.users--
	if at, ok := c.entries[e.key]; ok && e.err != nil && at.Value == any(e) {
		c.order.Remove(at) // a failure is not kept: the next caller tries again
		delete(c.entries, e.key)
	}
	if e.users == 0 {
		c.idle.Broadcast()
	}
}

// trim frees idle sessions, oldest first, while the memory is over the limit.
func (c *sessionCache) trim() {
	for _, s := range c.takeIdle(func() bool { return c.bytes > c.limit }) {
		s.destroy()
	}
}

// takeIdle removes idle sessions from the cache, oldest first, while more says so.
func (c *sessionCache) takeIdle(more func() bool) []*session {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []*session
	for at := c.order.Back(); at != nil && more(); {
		e, before := at.Value.(*cacheEntry), at.Prev()
		if e.users == 0 && e.session != nil {
			c.order.Remove(at)
			delete(c.entries, e.key)
			c.bytes -= e.session.bytes
			c.count.Evictions++
			out = append(out, e.session)
		}
		at = before
	}
	return out
}

func (c *sessionCache) stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.count
	out.Sessions, out.Bytes = len(c.entries), c.bytes
	return out
}

// close refuses new work, waits until no session is in use and frees them all.
func (c *sessionCache) close() {
	c.mu.Lock()
	c.closed = true
	for c.inUse() {
		c.idle.Wait()
	}
	c.mu.Unlock()
	for _, s := range c.takeIdle(func() bool { return true }) {
		s.destroy()
	}
}

func (c *sessionCache) inUse() bool {
	for at := c.order.Front(); at != nil; at = at.Next() {
		if at.Value.(*cacheEntry).users > 0 {
			return true
		}
	}
	return false
}
