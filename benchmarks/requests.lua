-- Sends one kind of request: "{n}" stands for a number of its own, "{id}" for one of the ids in a file, by turns.
-- Arguments: method, path, body, file of headers, file of ids, first number.

local started = 0

function setup(thread)
   thread:set("started", started)
   started = started + 1
end

local function lines(name)
   local found = {}
   for line in io.lines(name) do found[#found + 1] = line end
   return found
end

local function fill(text, number)
   text = text:gsub("{n}", string.format("%d", number))
   return (text:gsub("{id}", ids[number % #ids + 1]))
end

function init(arguments)
   method, path, body = arguments[1], arguments[2], arguments[3]
   headers = {}
   for _, line in ipairs(lines(arguments[4])) do
      local name, value = line:match("^(.-): (.*)$")
      headers[name] = value
   end
   ids = lines(arguments[5])
   number = tonumber(arguments[6]) + started * 10000000
end

function request()
   number = number + 1
   return wrk.format(method, fill(path, number), headers, body ~= "" and fill(body, number) or nil)
end

function done(summary, latency, requests)
   io.write(string.format('\n{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "failed": %d}\n',
      summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
      summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout))
end
