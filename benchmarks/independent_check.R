# The statistics of one night, computed by R's own functions, or by formula where R has none of its own.
# Rscript independent_check.R runs.csv : runs.csv has configuration, block, order, energy_J, duration_s, accuracy.
# Prints name, tab, value; configuration "mixed_float16" against "float32".
runs <- read.csv(commandArgs(trailingOnly = TRUE)[1])
runs <- runs[order(runs$block), ]
say <- function(name, value) cat(sprintf("%s\t%.16g\n", name, value))
a <- runs[runs$configuration == "mixed_float16", ]
b <- runs[runs$configuration == "float32", ]
stopifnot(all(a$block == b$block))
x <- a$energy_J; y <- b$energy_J; n <- length(x); m <- length(y)

ratio <- function(name, p, q) {
  t <- t.test(log(p), log(q), paired = TRUE)
  say(paste(name, "ratio"), exp(t$estimate))
  say(paste(name, "ratio low"), exp(t$conf.int[1]))
  say(paste(name, "ratio high"), exp(t$conf.int[2]))
  say(paste(name, "paired t on logs: t"), t$statistic)
  say(paste(name, "paired t on logs: p"), t$p.value)
}
ratio("energy:", x, y)
ratio("power:", x / a$duration_s, y / b$duration_s)
ratio("duration:", a$duration_s, b$duration_s)
t <- t.test(x, y, paired = TRUE)
say("energy: difference", t$estimate); say("energy: difference low", t$conf.int[1]); say("energy: paired t: p", t$p.value)
t <- t.test(log(x), log(y))
say("energy: Welch t on logs: df", t$parameter); say("energy: Welch t on logs: p", t$p.value)
t <- t.test(x, y)
say("energy: Welch t: t", t$statistic); say("energy: Welch t: df", t$parameter); say("energy: Welch t: p", t$p.value)
t <- t.test(x, y, var.equal = TRUE)
say("energy: pooled t: p", t$p.value)
say("energy: Wilcoxon signed-rank: p", wilcox.test(x, y, paired = TRUE, exact = TRUE)$p.value)
say("energy: Mann-Whitney U: p", wilcox.test(x, y, exact = TRUE)$p.value)
yuen <- function(p, q, trim) {
  part <- function(v) {
    v <- sort(v); k <- floor(trim * length(v)); w <- v
    w[seq_len(k)] <- v[k + 1]; w[length(v) - seq_len(k) + 1] <- v[length(v) - k]
    h <- length(v) - 2 * k
    c(mean(v, trim = trim), sum((w - mean(w))^2) / (h * (h - 1)), h)
  }
  s <- part(p); r <- part(q)
  df <- (s[2] + r[2])^2 / (s[2]^2 / (s[3] - 1) + r[2]^2 / (r[3] - 1))
  stat <- (s[1] - r[1]) / sqrt(s[2] + r[2])
  say("energy: Yuen's t: t", stat); say("energy: Yuen's t: p", 2 * pt(-abs(stat), df))
}
yuen(x, y, 0.2)
pooled <- sqrt(((n - 1) * var(x) + (m - 1) * var(y)) / (n + m - 2))
d <- (mean(x) - mean(y)) / pooled
say("energy: Cohen's d", d)
say("energy: Hedges' g", d * (1 - 3 / (4 * (n + m) - 9)))
for (side in list(a, b)) {
  s <- shapiro.test(side$energy_J); name <- side$configuration[1]
  say(paste(name, "Shapiro-Wilk: W"), s$statistic); say(paste(name, "Shapiro-Wilk: p"), s$p.value)
  t <- t.test(side$energy_J)
  say(paste(name, "mean"), t$estimate); say(paste(name, "mean low"), t$conf.int[1]); say(paste(name, "mean high"), t$conf.int[2])
}
away <- c(abs(x - median(x)), abs(y - median(y)))
side <- factor(rep(1:2, c(n, m)))
f <- anova(lm(away ~ side))
say("Levene (median): F", f[1, "F value"]); say("Levene (median): p", f[1, "Pr(>F)"])

# Accuracy: ties, so that the rank tests are approximations.
u <- a$accuracy; v <- b$accuracy
lower <- t.test(u, v, paired = TRUE, mu = -0.02, alternative = "greater")$p.value
upper <- t.test(u, v, paired = TRUE, mu = 0.02, alternative = "less")$p.value
say("accuracy: TOST, margin 0.02: p", max(lower, upper))
t <- t.test(u, v, paired = TRUE, conf.level = 0.90)
say("accuracy: difference", t$estimate); say("accuracy: difference low (90 %)", t$conf.int[1])
say("accuracy: difference high (90 %)", t$conf.int[2])
ratio("accuracy:", u, v)
say("accuracy: Mann-Whitney U: p", suppressWarnings(wilcox.test(u, v, exact = FALSE)$p.value))
say("accuracy: Wilcoxon signed-rank: p", suppressWarnings(wilcox.test(u, v, paired = TRUE, exact = FALSE, correct = FALSE)$p.value))
say("accuracy: Cliff's delta", mean(sign(outer(u, v, "-"))))
all <- rank(c(u, v)); r1 <- all[1:n]; r2 <- all[n + 1:m]
s1 <- sum((r1 - rank(u) - mean(r1) + (n + 1) / 2)^2) / (n - 1)
s2 <- sum((r2 - rank(v) - mean(r2) + (m + 1) / 2)^2) / (m - 1)
w <- n * m * (mean(r2) - mean(r1)) / (n + m) / sqrt(n * s1 + m * s2)
df <- (n * s1 + m * s2)^2 / ((n * s1)^2 / (n - 1) + (m * s2)^2 / (m - 1))
say("accuracy: Brunner-Munzel: p", 2 * pt(-abs(w), df))

# Drift: the logs less the mean of their configuration, against the order of the runs.
runs <- runs[order(runs$order), ]
rest <- ave(log(runs$energy_J), runs$configuration, FUN = function(v) v - mean(v))
k <- nrow(runs); pairs <- combn(k, 2)
slopes <- sort((rest[pairs[2, ]] - rest[pairs[1, ]]) / (runs$order[pairs[2, ]] - runs$order[pairs[1, ]]))
say("drift: Theil-Sen slope", median(slopes))
reach <- qnorm(0.975) * sqrt(k * (k - 1) * (2 * k + 5) / 18)
say("drift: slope low", slopes[round((length(slopes) - reach) / 2)])
say("drift: slope high", slopes[round((length(slopes) + reach) / 2) + 1])
tau <- cor.test(rest, runs$order, method = "kendall", exact = FALSE)
say("drift: Kendall's tau", tau$estimate); say("drift: Kendall's tau: p", tau$p.value)

# What the run before does: F with HC3 once configuration and block are taken off.
after <- data.frame(e = log(runs$energy_J), c = runs$configuration, b = factor(runs$block), p = c(NA, head(runs$configuration, -1)))[-1, ]
after <- after[after$b %in% names(which(table(after$b) > 1)), ]
design <- model.matrix(~ p + c + droplevels(b), after)
inverse <- solve(crossprod(design)); hat <- rowSums((design %*% inverse) * design)
left <- after$e - design %*% (inverse %*% crossprod(design, after$e))
cov <- inverse %*% crossprod(design * as.vector(left / (1 - hat))) %*% inverse
coefficient <- (inverse %*% crossprod(design, after$e))[2]
say("carry-over: F (HC3)", coefficient^2 / cov[2, 2])
say("carry-over: p", pf(coefficient^2 / cov[2, 2], 1, nrow(design) - ncol(design), lower.tail = FALSE))

# Without blocks: Welch with the order of the runs as a term, HC2 and Satterthwaite's degrees of freedom.
o <- runs$order - mean(runs$order)
s <- as.numeric(runs$configuration == "mixed_float16")
design <- cbind(s, 1, o); e <- log(runs$energy_J)
inverse <- solve(crossprod(design)); weight <- (inverse %*% t(design))[1, ]
hat <- design %*% inverse %*% t(design); left <- e - hat %*% e
q <- as.vector(left)^2 / (1 - diag(hat))
form <- (diag(k) - hat) %*% diag(weight^2 / (1 - diag(hat))) %*% (diag(k) - hat) %*% diag(ave(q, s))
df <- sum(diag(form))^2 / sum(diag(form %*% form))
stat <- sum(weight * e) / sqrt(sum(weight^2 * q))
say("shuffled: Welch with run order: t", stat); say("shuffled: Welch with run order: df", df)
say("shuffled: Welch with run order: p", 2 * pt(-abs(stat), df))

# Several groups: the night has two configurations, so float32's blocks are taken in three tens, for the method's sake.
tens <- factor(rep(1:3, each = 10))
h <- kruskal.test(y, tens); say("tens: Kruskal-Wallis H", h$statistic); say("tens: Kruskal-Wallis: p", h$p.value)
fr <- friedman.test(matrix(y, 10, 3)); say("tens: Friedman", fr$statistic); say("tens: Friedman: p", fr$p.value)
say("tens: Holm of three paired t on logs, largest", max(p.adjust(c(
  t.test(log(y[11:20]), log(y[1:10]), paired = TRUE)$p.value,
  t.test(log(y[21:30]), log(y[1:10]), paired = TRUE)$p.value,
  t.test(log(y[21:30]), log(y[11:20]), paired = TRUE)$p.value), "holm")))
